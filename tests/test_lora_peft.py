"""Our networks against `peft`'s own layers: the same adapter in both, on the same small SD1 model.

Left out: peft's OFT. It rotates the inputs, stores the upper triangles of its matrices and sums five terms of a
series; `oft_blocks` of network files are whole matrices that rotate the outputs, by an inverse. A file of one says
nothing in the other. peft's IA3 stores factors (and scales the bias), network files store what they add to 1: its
vectors are rewritten here, for modules without a bias or with their inputs scaled, and the outputs compared.

A file of peft alone has no alpha: it stands in adapter_config.json beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet
from modules.networks.lora.adapter import LoraAdapter, LoraUse
from modules.networks.lora.file import LoraFile
from tests import tiny_model

peft = pytest.importorskip("peft", reason="peft is the independent reference of this test")
diffusers = pytest.importorskip("diffusers", reason="diffusers' U-Net carries the adapters of peft")
parity = pytest.importorskip("tests.test_models_parity")

TOLERANCE = 1e-4
RANK = 4
UNET_MODULES = (
    *("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "time_emb_proj", "proj_in"),
    *("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "conv_in", "conv_out"),
)
TEXT_MODULES = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
Save = Callable[[Any, Any, Path], list[Path]]


def reference_text(ours: TextEncoder) -> Any:
    """transformers' text encoder with the weights of ours."""
    import transformers

    config = ours.config
    reference = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.intermediate,
            hidden_act=config.activation,
        )
    )
    state = {name.removeprefix("model."): weight for name, weight in ours.state_dict().items()}
    result = reference.load_state_dict(state, strict=False)
    assert not result.unexpected_keys and not [k for k in result.missing_keys if "position_ids" not in k]
    return reference.eval()


class Model:
    """A small model: ours and the references, with what is put into both."""

    def __init__(self) -> None:
        self.unet = parity.built(lambda: UNet(tiny_model.UNET), 1).requires_grad_(False)
        self.text = parity.built(lambda: TextEncoder(tiny_model.TEXT), 2).requires_grad_(False)
        self.reference_unet = parity.reference_unet(self.unet)
        self.reference_text = reference_text(self.text)
        self.adapter = LoraAdapter(self.unet, [self.text], "Stable Diffusion 1")
        torch.manual_seed(0)
        self.latents = torch.randn(2, 4, 8, 16)
        self.timesteps = torch.tensor([3.0, 801.5])
        self.context = torch.randn(2, 77, tiny_model.UNET.context_width)
        self.ids = torch.randint(0, 49000, (2, 77))

    @torch.inference_mode()
    def ours(self) -> tuple[Tensor, Tensor]:
        """Our outputs: of the U-Net and of the text encoder."""
        return self.unet(self.latents, self.timesteps, self.context), self.text(self.ids).hidden

    @torch.inference_mode()
    def theirs(self, unet: nn.Module, text: nn.Module) -> tuple[Tensor, Tensor]:
        """The references' outputs."""
        return (
            unet(self.latents, self.timesteps, self.context).sample,
            text(input_ids=self.ids).last_hidden_state,
        )


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


def adapted(network: nn.Module, config: Any, seed: int) -> Any:
    """A copy of a network with an adapter of peft that has random weights."""
    wrapped = peft.get_peft_model(copy.deepcopy(network), copy.deepcopy(config)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "magnitude" in name or "ia3_l" in name:
                parameter.mul_(1 + 0.2 * noise)
            else:
                parameter.copy_(noise * (0.4 if "hada" in name else 0.2))  # products of two are smaller
    return wrapped


def as_peft(unet: Any, text: Any, folder: Path) -> list[Path]:
    """As peft saves adapters: one file for each network, with keys `base_model.model...`, and without alpha."""
    paths = []
    for name, network in (("unet", unet), ("text", text)):
        network.save_pretrained(folder / name)
        paths.append(folder / name / "adapter_model.safetensors")
    return paths


def _diffusers_state(network: Any) -> dict[str, Tensor]:
    from diffusers.utils import convert_state_dict_to_diffusers

    state = peft.get_peft_model_state_dict(network)
    bare = {name.removeprefix("base_model.model."): tensor for name, tensor in state.items()}
    converted: dict[str, Tensor] = convert_state_dict_to_diffusers(bare)
    return converted


def as_diffusers(unet: Any, text: Any, folder: Path) -> list[Path]:
    """As diffusers' training scripts save them: one file for both networks, alpha in the metadata."""
    diffusers.StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers=_diffusers_state(unet),
        text_encoder_lora_layers=_diffusers_state(text),
        unet_lora_adapter_metadata=unet.peft_config["default"].to_dict(),
        text_encoder_lora_adapter_metadata=text.peft_config["default"].to_dict(),
    )
    return [folder / "pytorch_lora_weights.safetensors"]


def as_kohya(unet: Any, text: Any, folder: Path) -> list[Path]:
    """As diffusers rewrites them for the web UIs: `lora_unet_...lora_up.weight`, with alpha."""
    from diffusers.utils import convert_state_dict_to_kohya

    both = {f"unet.{name}": tensor for name, tensor in peft.get_peft_model_state_dict(unet).items()}
    both |= {f"text_encoder.{name}": tensor for name, tensor in peft.get_peft_model_state_dict(text).items()}
    bare = {name.replace("base_model.model.", ""): tensor for name, tensor in both.items()}
    save_file(convert_state_dict_to_kohya(bare), folder / "kohya.safetensors")
    return [folder / "kohya.safetensors"]


def as_factors_less_one(unet: Any, text: Any, folder: Path) -> list[Path]:
    """IA3 of peft, rewritten as network files have it."""
    state = {}
    for start, network in (("lora_unet_", unet), ("lora_te_", text)):
        for key, factors in peft.get_peft_model_state_dict(network).items():
            name = key.removeprefix("base_model.model.").removesuffix(".ia3_l")
            name = f"text_model.{name}" if start == "lora_te_" else name
            module = start + name.replace(".", "_")
            state[f"{module}.weight"] = factors.flatten() - 1
            state[f"{module}.on_input"] = torch.tensor(bool(factors.shape[0] == 1))
    save_file(state, folder / "ia3.safetensors")
    return [folder / "ia3.safetensors"]


def lora(alpha: float = RANK, **more: Any) -> Callable[[list[str]], Any]:
    return lambda modules: peft.LoraConfig(r=RANK, lora_alpha=alpha, target_modules=modules, **more)


def loha(**more: Any) -> Callable[[list[str]], Any]:
    return lambda modules: peft.LoHaConfig(r=RANK, alpha=RANK, target_modules=modules, **more)


def lokr(rank: int = RANK, **more: Any) -> Callable[[list[str]], Any]:
    return lambda modules: peft.LoKrConfig(r=rank, alpha=rank, target_modules=modules, **more)


def ia3(modules: list[str]) -> Any:
    inputs = [name for name in modules if name in ("ff.net.2", "fc2")]
    return peft.IA3Config(target_modules=modules, feedforward_modules=inputs)


# Where peft leaves the bias alone: there is none, or the inputs are scaled (ff.net.2 and, in the text encoder, fc2).
UNBIASED = ("to_q", "to_k", "to_v", "ff.net.2")


@pytest.mark.parametrize(
    ("config", "save", "unet_modules", "text_modules"),
    [
        pytest.param(lora(), as_peft, UNET_MODULES, TEXT_MODULES, id="LoRA as peft"),
        pytest.param(lora(2), as_peft, UNET_MODULES, TEXT_MODULES, id="LoRA as peft, its alpha beside it"),
        pytest.param(
            lora(3, use_rslora=True, alpha_pattern={"to_q": 1.0, "q_proj": 2.0}),
            as_peft,
            UNET_MODULES,
            TEXT_MODULES,
            id="LoRA as peft, rank-stabilised, alphas of some modules",
        ),
        pytest.param(lora(2), as_diffusers, UNET_MODULES, TEXT_MODULES, id="LoRA as diffusers"),
        pytest.param(lora(), as_kohya, UNET_MODULES, TEXT_MODULES, id="LoRA as kohya"),
        pytest.param(lora(use_dora=True), as_peft, UNET_MODULES, TEXT_MODULES, id="DoRA as peft"),
        pytest.param(
            lora(2, use_dora=True), as_diffusers, UNET_MODULES, TEXT_MODULES, id="DoRA as diffusers"
        ),
        pytest.param(loha(), as_peft, UNET_MODULES, TEXT_MODULES, id="LoHa"),
        pytest.param(
            loha(use_effective_conv2d=True), as_peft, UNET_MODULES, TEXT_MODULES, id="LoHa with a core"
        ),
        pytest.param(lokr(), as_peft, UNET_MODULES, TEXT_MODULES, id="LoKr"),
        pytest.param(
            lokr(2, use_effective_conv2d=True, decompose_both=True),
            as_peft,
            UNET_MODULES,
            TEXT_MODULES,
            id="LoKr with a core, both factors of low rank",
        ),
        pytest.param(ia3, as_factors_less_one, UNBIASED, ("fc2",), id="IA3"),
    ],
)
def test_networks_agree_with_peft(
    model: Model,
    tmp_path: Path,
    config: Callable[[list[str]], Any],
    save: Save,
    unet_modules: tuple[str, ...],
    text_modules: tuple[str, ...],
) -> None:
    unet = adapted(model.reference_unet, config(list(unet_modules)), 3)
    text = adapted(model.reference_text, config(list(text_modules)), 4)
    files = [LoraFile.read(path) for path in save(unet, text, tmp_path)]
    plain = model.ours()
    before = {**dict(model.unet.named_parameters()), **dict(model.text.named_parameters())}

    model.adapter.set([LoraUse(file) for file in files])
    try:
        ours = model.ours()
    finally:
        model.adapter.set(())

    assert all(model.adapter.match(file).unmatched == 0 for file in files)
    for mine, expected, without in zip(ours, model.theirs(unet, text), plain, strict=True):
        assert (expected - without).abs().max() > 100 * TOLERANCE
        assert (mine - expected).abs().max() < TOLERANCE
    after = {**dict(model.unet.named_parameters()), **dict(model.text.named_parameters())}
    assert all(after[name] is parameter for name, parameter in before.items())
    for again, without in zip(model.ours(), plain, strict=True):
        assert torch.equal(again, without)


def test_references_agree_without_networks(model: Model) -> None:
    references = model.theirs(model.reference_unet, model.reference_text)
    for mine, expected in zip(model.ours(), references, strict=True):
        assert (mine - expected).abs().max() < TOLERANCE
