"""Small networks for the tests, trained on the frozen starter model and saved in the formats that people have.

    OMP_NUM_THREADS=1 python -m tools.starter networks --kind lora|embedding|hypernetwork

makes `Lora/airship.safetensors`, `embeddings/winterwood.safetensors` and `hypernetworks/nightfall.pt` in
`tests/networks` (a few minutes each on one CPU core). What they learn: see `network_lessons`. The loss is that of
`diffusion_training`; text encoder, U-Net and VAE stay as they are.
Sources: Hu et al., "LoRA" (2021); Gal et al., "An Image is Worth One Word" (2022).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.compute import Compute
from modules.models.catalogue import Checkpoint
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.loader import load
from modules.models.text_encoder import InjectedVectors, TextEncoder
from modules.models.tokenizer import BOS, EOS, tokenize
from modules.models.unet import UNet
from modules.models.unet_layers import CrossAttention
from modules.networks.lora.keys import diffusers_names
from tools.starter.diffusion_training import Noised
from tools.starter.network_lessons import LESSONS, Caption, Kind
from tools.starter.pixels import to_pixels
from tools.starter.training_state import device, learning_rate, steps_left

RANK = 4
VECTORS = 4
HYPERNETWORK_WIDTH = 128
SCENES = 384
FILES: dict[Kind, str] = {
    "lora": "Lora/airship.safetensors",
    "embedding": "embeddings/winterwood.safetensors",
    "hypernetwork": "hypernetworks/nightfall.pt",
}
PEAKS: dict[Kind, float] = {"lora": 4e-3, "embedding": 1e-2, "hypernetwork": 5e-3}
"""Learning rates of Adam."""
STEPS: dict[Kind, int] = {"lora": 300, "embedding": 150, "hypernetwork": 450}

Layer = nn.Linear | nn.Conv2d


class Trained(Protocol):
    """A network that is being trained upon a model."""

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""

    def encode(self, captions: list[Caption]) -> Tensor:
        """What the U-Net reads, `[B, 77, width]`."""

    def save(self, path: Path) -> None:
        """Write the file, in half precision."""


class LoraTraining:
    """Low-rank changes of all attentions, feed-forwards and residual convolutions of a U-Net (kohya's keys)."""

    def __init__(self, model: LatentDiffusion) -> None:
        self._text = model.texts[0].encoder
        self._parts: dict[str, tuple[Layer, Layer]] = {}
        for name, module in model.unet.named_modules():
            if (key := _kohya_key(model.unet, name)) is None:
                continue
            down: Layer
            up: Layer
            if isinstance(module, nn.Conv2d):
                down = nn.Conv2d(module.in_channels, RANK, 3, padding=1, bias=False)
                up = nn.Conv2d(RANK, module.out_channels, 1, bias=False)
            else:
                assert isinstance(module, nn.Linear)
                down = nn.Linear(module.in_features, RANK, bias=False)
                up = nn.Linear(RANK, module.out_features, bias=False)
            nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
            nn.init.zeros_(up.weight)
            self._parts[key] = down.to(device()), up.to(device())
            module.register_forward_hook(_adding(down, up))

    def parameters(self) -> list[nn.Parameter]:
        """See `Trained`."""
        return [p for parts in self._parts.values() for part in parts for p in part.parameters()]

    def encode(self, captions: list[Caption]) -> Tensor:
        """See `Trained`."""
        with torch.no_grad():
            return self._text(_ids(captions)).hidden

    def save(self, path: Path) -> None:
        """See `Trained`."""
        tensors = {}
        for key, (down, up) in self._parts.items():
            tensors[f"{key}.lora_down.weight"] = down.weight
            tensors[f"{key}.lora_up.weight"] = up.weight
            tensors[f"{key}.alpha"] = torch.tensor(float(RANK))
        half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}
        metadata = {
            "ss_output_name": path.stem,
            "ss_base_model_version": "sd_v1",
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(RANK),
            "ss_network_alpha": str(RANK),
        }
        save_file(half, path, metadata)


def _adding(down: Layer, up: Layer) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """A hook that adds the low-rank change to what a module gives."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        changed: Tensor = up(down(inputs[0]))
        return output + changed

    return hook


def _kohya_key(unet: UNet, name: str) -> str | None:
    """The key of a module that is trained, in diffusers' names with underscores; None for the others."""
    renamed = diffusers_names(unet.config)
    block = next((block for block in renamed if name.startswith(block + ".")), None)
    if block is None:
        return None
    rest = name[len(block) + 1 :]
    rest = {"in_layers.2": "conv1", "out_layers.3": "conv2"}.get(rest, rest)
    wanted = ("conv1", "conv2", "to_q", "to_k", "to_v", "to_out.0", "net.0.proj", "net.2")
    return f"lora_unet_{renamed[block]}.{rest}".replace(".", "_") if rest.endswith(wanted) else None


class EmbeddingTraining:
    """The vectors of one new word; they begin as those of "picture", which says nothing."""

    def __init__(self, model: LatentDiffusion) -> None:
        self._text: TextEncoder = model.texts[0].encoder
        [ids] = tokenize(["picture"])
        start = self._text.model.embeddings.token_embedding.weight[ids[:1]].detach().clone()
        self._vectors = nn.Parameter(start.repeat(VECTORS, 1))

    def parameters(self) -> list[nn.Parameter]:
        """See `Trained`."""
        return [self._vectors]

    def encode(self, captions: list[Caption]) -> Tensor:
        """See `Trained`."""
        places = [1 + len(ids) for ids in tokenize([before for before, _ in captions])]
        word = [InjectedVectors(row, place, self._vectors) for row, place in enumerate(places)]
        return self._text(_ids(captions, VECTORS), word).hidden

    def save(self, path: Path) -> None:
        """See `Trained`."""
        save_file({"emb_params": self._vectors.detach().cpu().half()}, path)


def _ids(captions: list[Caption], gap: int = 0) -> Tensor:
    """Token ids `[B, 77]` with a gap between the captions' halves."""
    before, behind = (tokenize(list(texts)) for texts in zip(*captions, strict=True))
    rows = [[BOS, *a, *[EOS] * gap, *b][:76] for a, b in zip(before, behind, strict=True)]
    return torch.tensor([row + [EOS] * (77 - len(row)) for row in rows], device=device())


class HypernetworkTraining:
    """Two layers for keys and two for values, for contexts of one width: those of the text, and of some pictures."""

    def __init__(self, model: LatentDiffusion) -> None:
        self._text = model.texts[0].encoder
        self._pair = [_two_layers(HYPERNETWORK_WIDTH).to(device()) for _ in range(2)]
        for attention in model.unet.modules():
            if isinstance(attention, CrossAttention) and attention.to_k.in_features == HYPERNETWORK_WIDTH:
                attention.context_adapter = self._change

    def _change(self, context: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = (context + layers(context) for layers in self._pair)
        return keys, values

    def parameters(self) -> list[nn.Parameter]:
        """See `Trained`."""
        return [p for layers in self._pair for p in layers.parameters()]

    def encode(self, captions: list[Caption]) -> Tensor:
        """See `Trained`."""
        with torch.no_grad():
            return self._text(_ids(captions)).hidden

    def save(self, path: Path) -> None:
        """See `Trained`."""
        pair = [
            {f"linear.{name}": w.detach().cpu().half() for name, w in layers.state_dict().items()}
            for layers in self._pair
        ]
        file: dict[int | str, object] = {
            HYPERNETWORK_WIDTH: pair,
            "name": path.stem,
            "layer_structure": [1, 2, 1],
            "activation_func": "relu",
            "is_layer_norm": False,
            "activate_output": False,
            "use_dropout": False,
        }
        torch.save(file, path)


def _two_layers(width: int) -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
    for layer in (layers[0], layers[2]):
        assert isinstance(layer, nn.Linear)
        nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
    return layers


def _network(kind: Kind, model: LatentDiffusion) -> Trained:
    if kind == "lora":
        return LoraTraining(model)
    return EmbeddingTraining(model) if kind == "embedding" else HypernetworkTraining(model)


def train(
    kind: Kind, checkpoint: Path, folder: Path, size: int, steps: int | None = None, batch: int = 8
) -> None:
    """Train one network on a checkpoint and write its file into `folder`.

    Args: size: the pictures' side in pixels; steps: None for those of `STEPS`.
    """
    where, steps = device(), steps or STEPS[kind]
    torch.manual_seed(5)
    precision = torch.float32
    model = load(
        Checkpoint(checkpoint, checkpoint.stem, checkpoint.name),
        Compute(where, precision, precision, precision),
    )
    lesson = LESSONS[kind](SCENES, size, np.random.default_rng(17))
    with torch.no_grad():
        parts = [lesson.pictures[i : i + 16] for i in range(0, SCENES, 16)]
        latents = torch.cat([model.vae.encode(to_pixels(part).to(where)) for part in parts])
    network = _network(kind, model)
    parameters = network.parameters()
    print(f"{kind}: {sum(p.numel() for p in parameters)} numbers are trained", flush=True)
    alphas = model.alphas_cumprod.to(where)
    optimizer = torch.optim.Adam(parameters, lr=PEAKS[kind], betas=(0.9, 0.99))
    for step, meter in steps_left(0, steps, kind, every=25):
        rng = np.random.default_rng((19, step))
        chosen = rng.integers(SCENES, size=batch)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, PEAKS[kind], warmup=10, decay=0.5)
        text = network.encode([lesson.caption(int(i), rng) for i in chosen])
        noised = Noised(latents[torch.from_numpy(chosen)], alphas)
        loss, _ = noised.loss(model.unet(noised.latents, noised.timesteps, text))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        meter.add(loss=loss)
        if (step + 1) % 100 == 0:
            _save(network, folder / FILES[kind])
    _save(network, folder / FILES[kind])


def _save(network: Trained, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}.tmp")
    network.save(temporary)
    os.replace(temporary, path)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)
