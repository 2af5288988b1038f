"""Loads a checkpoint: a file's tensors into the networks that their shapes describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from modules.compute import Compute
from modules.faults import BadFile
from modules.models import noise_schedule
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import Checkpoint
from modules.models.checkpoint_file import read_tensors
from modules.models.detection import autoencoder_config, text_encoder_config, unet_config
from modules.models.families import UNET, VAE, Family, family_of
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet

Tensors = Mapping[str, Tensor]


def load(checkpoint: Checkpoint, compute: Compute) -> LatentDiffusion:
    """Load a checkpoint onto the device.

    Raises: BadFile: the file is damaged, no Stable Diffusion checkpoint, or of a family that isn't supported.
    """
    path = checkpoint.path
    tensors = read_tensors(path)
    family = family_of({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if family is None:
        raise BadFile(path, "it is no Stable Diffusion checkpoint that Easel knows.")
    if not family.supported:
        raise BadFile(path, f"it is a {family.name} model, which Easel can't run yet.")
    try:
        return LatentDiffusion(
            checkpoint=checkpoint,
            family=family,
            compute=compute,
            text_encoder=_text_encoder(tensors, family, path, compute),
            unet=_unet(tensors, family, path, compute),
            vae=_vae(tensors, family, path, compute),
            alphas_cumprod=_alphas(tensors),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise BadFile(path, f"tensors are missing or have the wrong shape ({error}).") from error


def _part(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _fill(module: nn.Module, tensors: Tensors, path: Path, device: torch.device, dtype: torch.dtype) -> None:
    """Give a module on the meta device its weights; tensors that it has no place for are left out."""
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in tensors]
    if missing:
        raise BadFile(path, f"{len(missing)} tensors are missing, such as {missing[0]}.")
    wrong = [name for name, place in wanted.items() if place.shape != tensors[name].shape]
    if wrong:
        shape = tuple(tensors[wrong[0]].shape)
        raise BadFile(path, f"{wrong[0]} has the shape {shape}, not {tuple(wanted[wrong[0]].shape)}.")
    weights = {name: tensors[name].to(device=device, dtype=dtype) for name in wanted}
    if broken := next((name for name, w in weights.items() if not torch.isfinite(w).all()), None):
        raise BadFile(path, f"{broken} holds values that are no numbers (NaN). Download it again.")
    module.load_state_dict(weights, assign=True)
    module.eval().requires_grad_(False)


def _unet(tensors: Tensors, family: Family, path: Path, compute: Compute) -> UNet:
    part = _part(tensors, UNET)
    with torch.device("meta"):
        unet = UNet(unet_config(_shapes(part), family))
    _fill(unet, part, path, compute.device, compute.unet)
    return unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _vae(tensors: Tensors, family: Family, path: Path, compute: Compute) -> Autoencoder:
    part = _part(tensors, VAE)
    with torch.device("meta"):
        vae = Autoencoder(autoencoder_config(_shapes(part), family))
    _fill(vae, part, path, compute.device, compute.vae)
    return vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _text_encoder(tensors: Tensors, family: Family, path: Path, compute: Compute) -> TextEncoder:
    prefix = next(p for p in family.text_prefixes if any(name.startswith(p) for name in tensors))
    part = {f"model.{name}": tensor for name, tensor in _part(tensors, prefix).items()}
    config = text_encoder_config({name[len("model.") :]: s for name, s in _shapes(part).items()}, family)
    with torch.device("meta"):
        encoder = TextEncoder(config)
    _fill(encoder, part, path, compute.device, compute.text)
    return encoder


def _alphas(tensors: Tensors) -> Tensor:
    """The checkpoint's own noise schedule where it has one, else the usual one."""
    stored = tensors.get("alphas_cumprod")
    if stored is not None and stored.shape == (noise_schedule.TIMESTEPS,):
        return stored.float()
    return noise_schedule.alphas_cumprod()
