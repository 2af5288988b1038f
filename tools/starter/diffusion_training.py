"""Stage 3: the U-Net, trained on the latents of the scenes with the text encoder frozen (as SD1 was).

Noise prediction with the min-SNR weighting (Hang et al. 2023, gamma 5) and captions left out at times for
classifier-free guidance (Ho & Salimans 2022).
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.models.noise_schedule import alphas_cumprod
from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet, UNetConfig
from tools.starter import text_training
from tools.starter.dataset import SceneSet
from tools.starter.optimizers import MatrixOptimizer, Rates
from tools.starter.text_training import token_ids
from tools.starter.training_state import Checkpoints, Training, autocast, device

UNET = UNetConfig(
    channels=64,
    multipliers=(1, 2, 3),
    input_depths=((0,), (1,), (1,)),
    output_depths=((0, 0), (1, 1), (1, 1)),
    context_width=128,
)
WITHOUT_CAPTION = 0.1
SNR_LIMIT = 5.0
RATES = Rates(matrices=2e-3, rest=8e-4)
AVERAGE = 0.998
ATTENTION_PACE = 2.0
"""Learning rate of the cross-attentions, relative to the rest."""
TIMESTEP_POWER = 0.6
"""Below 1: more of the noisy timesteps, where the words decide."""


class Denoiser(nn.Module):
    """The U-Net and the text encoder that it listens to.

    The text encoder is frozen. Trained along from the start, it soon says the same for all captions: to a U-Net that
    doesn't know words yet, they are noise, and the quickest way to less noise is to be silent.
    """

    def __init__(self, text: TextEncoder) -> None:
        super().__init__()
        self.unet = UNet(UNET)
        self.text = text.requires_grad_(False)
        _zero_the_residuals(self.unet)

    def forward(self, x: Tensor, timesteps: Tensor, ids: Tensor) -> Tensor:
        """Predict the noise in `x` `[B, 4, h, w]` from token ids `[B, 77]`."""
        with torch.no_grad():
            text = self.text(ids).hidden
        return self.unet(x, timesteps, text)


@torch.no_grad()
def _zero_the_residuals(unet: UNet) -> None:
    """Begin with every residual branch closed: the usual start of a diffusion U-Net."""
    for name, parameter in unet.named_parameters():
        if ".out_layers.3." in name or ".proj_out." in name or name.startswith("out.2."):
            parameter.zero_()


def _batch(
    scenes: SceneSet, latents: Tensor, size: int, rng: np.random.Generator
) -> tuple[Tensor, list[str]]:
    indices = rng.integers(len(latents), size=size)
    captions = ["" if rng.random() < WITHOUT_CAPTION else scenes.caption(int(i), rng) for i in indices]
    return latents[torch.from_numpy(indices)].float(), captions


class Noised:
    """Latents with noise at stratified timesteps (they vary less than independent ones).

    Args: clean: `[B, 4, h, w]`; alphas: cumulative, `[T]`, on the same device.
    """

    def __init__(self, clean: Tensor, alphas: Tensor) -> None:
        count, where = len(clean), clean.device
        offsets = (torch.arange(count, device=where) + torch.rand(count, device=where)) / count
        self.timesteps = (offsets**TIMESTEP_POWER * len(alphas)).long().clamp(max=len(alphas) - 1)
        self._alphas = alphas[self.timesteps][:, None, None, None]
        self._noise = torch.randn_like(clean)
        self.latents = self._alphas.sqrt() * clean + (1 - self._alphas).sqrt() * self._noise

    def loss(self, prediction: Tensor) -> tuple[Tensor, Tensor]:
        """The min-SNR weighted error of the predicted noise, and the plain one; means over the batch."""
        snr = (self._alphas / (1 - self._alphas)).flatten()
        error = F.mse_loss(prediction, self._noise, reduction="none").flatten(1).mean(1)
        return (error * (snr.clamp(max=SNR_LIMIT) / snr)).mean(), error.mean()


def train(scenes: SceneSet, latents: Tensor, folder: Path, steps: int, batch: int) -> None:
    """Train (or go on training) until `steps`; the state is in `folder/diffusion.pt`.

    Args: latents: normalised latents of the scenes, fp16 `[N, 4, h, w]`.
    """
    where = device()
    torch.manual_seed(2)
    model = Denoiser(text_training.load(folder)).to(where)
    optimizer = MatrixOptimizer(model, RATES, lambda name: ATTENTION_PACE if ".attn2." in name else 1.0)
    training = Training(model, optimizer, folder / "diffusion.pt", AVERAGE)
    alphas = alphas_cumprod().to(where)
    if where.type == "cuda":
        latents = latents.to(where)
    for step, meter in training.steps(steps, "diffusion"):
        rng = np.random.default_rng((11, step))
        clean, captions = _batch(scenes, latents, batch, rng)
        clean, ids = clean.to(where), token_ids(captions).to(where)
        noised = Noised(clean, alphas)
        # the attention for short sequences: the fast one for long ones is five times slower here on a CPU
        with autocast(where), sdpa_kernel(SDPBackend.MATH) if where.type == "cpu" else nullcontext():
            prediction = model(noised.latents, noised.timesteps, ids)
        loss, mse = noised.loss(prediction.float())
        training.learn(loss)
        meter.add(loss=loss, mse=mse)


def load(folder: Path) -> Denoiser:
    """The trained networks (their moving average) on the CPU."""
    saved = Checkpoints(folder / "diffusion.pt").load()
    if saved is None:
        raise SystemExit(f"There is no trained U-Net in {folder}: run the stage 'diffusion' first.")
    model = Denoiser(text_training.load(folder))
    model.load_state_dict(saved["average"], strict=False)  # the text is in no state made by `unpack`
    return model.eval()
