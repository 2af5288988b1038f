"""Loads a checkpoint: a file's tensors into the networks that their shapes describe.

One tensor at a time is read, converted and put into its place, so that hardly more memory is needed than the networks
take in the end.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from modules.compute import Compute
from modules.faults import BadFile
from modules.models import noise_schedule
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import Checkpoint
from modules.models.checkpoint_file import TensorFile, open_tensors, open_vae
from modules.models.detection import autoencoder_config, text_encoder_config, unet_config
from modules.models.families import (
    DEPTH,
    IMAGE_ENCODER,
    NOISE_AUGMENTOR,
    UNET,
    VAE,
    Family,
    Prediction,
    TextRules,
    family_of,
)
from modules.models.latent_diffusion import LatentDiffusion, TextTower
from modules.models.model_config import ModelConfig, config_of
from modules.models.probe import probe_prediction
from modules.models.text_encoder import TextEncoder
from modules.models.text_layouts import Origin, Origins, find_text
from modules.models.tokenizer import EOS
from modules.models.unet import UNet
from modules.models.uninitialised import uninitialised
from modules.models.vae_catalogue import VaeFile

if TYPE_CHECKING:
    from modules.models.depth_estimator import DepthEstimator
    from modules.models.image_encoder import ImageEncoder
    from modules.models.noise_augmentation import NoiseAugmentation

Network = TypeVar("Network", bound=nn.Module)


def load(checkpoint: Checkpoint, compute: Compute, vae: VaeFile | None = None) -> LatentDiffusion:
    """Load a checkpoint onto the device.

    Args: vae: a file to take the VAE from, in the place of the checkpoint's own.

    Raises: BadFile: the file is damaged, no Stable Diffusion checkpoint, or of a family that isn't supported.
    """
    with _uncollected(), open_tensors(checkpoint.path) as file:
        family = _supported_family(file)
        compute = compute.of_family(xl=family.vector in ("sizes", "aesthetic"))
        with _shape_errors(file):
            return _load(file, family, checkpoint, compute, vae)


def size_of(checkpoint: Checkpoint, compute: Compute) -> int:
    """How many bytes a checkpoint takes once it is loaded, about. Its file's header says so; no tensor is read.

    Raises: BadFile: it is none that can be loaded.
    """
    with open_tensors(checkpoint.path) as file:
        _supported_family(file)
        dtypes = {UNET: compute.unet, VAE: compute.vae}
        return sum(
            math.prod(shape)
            * next((d for part, d in dtypes.items() if name.startswith(part)), compute.text).itemsize
            for name, shape in file.shapes.items()
        )


def _supported_family(file: TensorFile) -> Family:
    family = family_of(file.shapes)
    if family is None:
        raise BadFile(file.path, "it is no Stable Diffusion checkpoint that Easel knows.")
    if not family.supported:
        raise BadFile(file.path, f"it is a {family.name} model, which Easel can't run.")
    return family


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection: thousands of modules are made, and each full one walks through all of torch."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _shape_errors(file: TensorFile) -> Iterator[None]:
    """What goes wrong inside is the file's fault."""
    try:
        yield
    except (KeyError, IndexError, ValueError, AssertionError) as error:
        reason = f"tensors are missing or have the wrong shape ({error})."
        raise BadFile(file.path, reason) from error


def _load(
    file: TensorFile, family: Family, checkpoint: Checkpoint, compute: Compute, vae: VaeFile | None
) -> LatentDiffusion:
    config = config_of(checkpoint.path, file.shapes, file.metadata)
    unet = _unet(file, family, compute)
    seen = _image_encoder(file, compute) if family.vector == "image" else None
    return LatentDiffusion(
        checkpoint=checkpoint,
        family=family,
        compute=compute,
        texts=tuple(_text_tower(file, rules, compute) for rules in family.text),
        unet=unet,
        vae=load_vae(vae, family, compute) if vae else _vae(file, VAE, _scale(family, config), compute),
        alphas_cumprod=_alphas(file, family, config),
        prediction=_prediction(unet, family, config),
        vae_file=vae,
        depth=_depth(file, compute) if family.picture == "depth" else None,
        image_encoder=seen,
        noise_augmentation=_noise_augmentation(file, seen.width) if seen is not None else None,
    )


def load_vae(vae: VaeFile, family: Family, compute: Compute) -> Autoencoder:
    """Load a VAE that stands in a file of its own.

    Raises: BadFile.
    """
    with open_vae(vae.path) as file:
        try:
            return _vae(file, "", family.latent_scale, compute)
        except (KeyError, IndexError, ValueError) as error:
            raise BadFile(vae.path, f"it holds no VAE that fits ({error}).") from error


def load_own_vae(checkpoint: Checkpoint, family: Family, compute: Compute) -> Autoencoder:
    """Load a checkpoint's own VAE alone.

    Raises: BadFile.
    """
    with open_tensors(checkpoint.path) as file, _shape_errors(file):
        config = config_of(checkpoint.path, file.shapes, file.metadata)
        return _vae(file, VAE, _scale(family, config), compute)


def _part(file: TensorFile, prefix: str) -> Origins:
    return {name[len(prefix) :]: Origin(name) for name in file.shapes if name.startswith(prefix)}


def _shapes(file: TensorFile, origins: Origins) -> dict[str, tuple[int, ...]]:
    return {name: origin.shape(file.shapes) for name, origin in origins.items()}


def _built(make: Callable[[], Network]) -> Network:
    """A network without weights."""
    with uninitialised():
        return make()


def _fill(
    network: Network,
    file: TensorFile,
    origins: Origins,
    device: torch.device,
    dtype: torch.dtype,
    channels_last: bool = True,
    except_in: str | None = None,
) -> Network:
    """Give a network on the meta device its weights; tensors that it has no place for are left out.

    Args: channels_last: the memory layout of convolutions, but for those whose names begin with `except_in`.
    """
    wanted = network.state_dict()
    _check_shapes(wanted, file, origins)
    modules = dict(network.named_modules())
    for name, place in wanted.items():
        last = channels_last and place.ndim == 4 and not (except_in and name.startswith(except_in))
        layout = torch.channels_last if last else torch.contiguous_format
        empty = torch.empty(place.shape, dtype=dtype, device=device, memory_format=layout)
        _put(modules, name, _filled(empty, file, name, origins[name]))
    return network.eval()


def _put(modules: dict[str, nn.Module], name: str, weight: Tensor) -> None:
    """Give a network, whose modules these are, one weight; `load_state_dict` walks through all of them for that."""
    owner, _, leaf = name.rpartition(".")
    module = modules[owner]
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(weight, requires_grad=False)
    else:
        module._buffers[leaf] = weight


def _check_shapes(wanted: dict[str, Tensor], file: TensorFile, origins: Origins) -> None:
    missing = [name for name in wanted if name not in origins]
    if missing:
        raise BadFile(file.path, f"{len(missing)} tensors are missing, such as {missing[0]}.")
    for name, place in wanted.items():
        shape = origins[name].shape(file.shapes)
        if _without_ones(shape) != _without_ones(place.shape):
            raise BadFile(file.path, f"{name} has the shape {shape}, not {tuple(place.shape)}.")


def _without_ones(shape: Iterable[int]) -> list[int]:
    """Linear layers are 1x1 convolutions in some files, and the other way round."""
    return [side for side in shape if side != 1]


def _filled(empty: Tensor, file: TensorFile, name: str, origin: Origin) -> Tensor:
    """Read a weight into its place: precision, memory layout and device change in one pass over it."""
    stored = origin.take(file.tensor(origin.name))
    weight = empty.copy_(stored.reshape(empty.shape))
    # half the bytes where the file has half precision, and what is finite there is so in float32 too
    looked_at = stored if stored.dtype == torch.float16 and weight.dtype == torch.float32 else weight
    if not _all_finite(looked_at):
        raise BadFile(file.path, f"{name} holds values that are no numbers (NaN). Download it again.")
    return weight


def _all_finite(weight: Tensor) -> bool:
    # a sum is one quick pass, and can only be infinite or NaN by overflow where all values are finite
    return math.isfinite(weight.sum().item()) or bool(weight.isfinite().all())


def _unet(file: TensorFile, family: Family, compute: Compute) -> UNet:
    origins = _part(file, UNET)
    config = unet_config(_shapes(file, origins), family)
    unet = _built(lambda: UNet(config))
    return _fill(unet, file, origins, compute.home_of("unet"), compute.unet, compute.channels_last)


def _scale(family: Family, config: ModelConfig) -> float:
    return config.latent_scale or family.latent_scale


def _vae(file: TensorFile, prefix: str, scale: float, compute: Compute) -> Autoencoder:
    origins = _part(file, prefix)
    config = autoencoder_config(_shapes(file, origins), scale)
    vae = _built(lambda: Autoencoder(config))
    # on a CPU, torch's group norm over channels_last loses flat pictures to rounding
    encoder = "encoder." if compute.device_of("vae").type == "cpu" else None
    return _fill(vae, file, origins, compute.home_of("vae"), compute.vae, compute.channels_last, encoder)


def _text_tower(file: TensorFile, rules: TextRules, compute: Compute) -> TextTower:
    found = find_text(file.shapes, rules)
    config = text_encoder_config(_shapes(file, found.origins), rules)
    empty = _built(lambda: TextEncoder(config))
    encoder = _fill(empty, file, found.origins, compute.home_of("text"), compute.text)
    # SD2's encoder is stored by `diffusers` without the last layer, which is never used
    shortened = rules.layer == 2 and rules.final_norm and not found.openclip
    return TextTower(
        encoder=encoder,
        layer=1 if shortened else rules.layer,
        final_norm=rules.final_norm,
        pad=EOS if rules.openai else 0,
        pooled=rules.pooled,
    )


def _alphas(file: TensorFile, family: Family, config: ModelConfig) -> Tensor:
    """The checkpoint's own noise schedule where it has one, else its family's."""
    if file.shapes.get("alphas_cumprod") == (noise_schedule.TIMESTEPS,):
        alphas = file.tensor("alphas_cumprod").float()
    else:
        alphas = noise_schedule.alphas_cumprod(*(config.betas or family.betas))
    return noise_schedule.zero_terminal_snr(alphas) if config.zero_terminal_snr else alphas


def _prediction(unet: UNet, family: Family, config: ModelConfig) -> Prediction:
    return config.prediction or family.prediction or probe_prediction(unet)


def _depth(file: TensorFile, compute: Compute) -> DepthEstimator:
    from modules.models.depth_estimator import load_depth_estimator

    return load_depth_estimator(_tensors(file, DEPTH), compute.home_of("depth"), torch.float32)


def _image_encoder(file: TensorFile, compute: Compute) -> ImageEncoder:
    from modules.models.image_encoder import load_image_encoder

    return load_image_encoder(_tensors(file, IMAGE_ENCODER), compute.home_of("image"), compute.text)


def _noise_augmentation(file: TensorFile, width: int) -> NoiseAugmentation:
    from modules.models.noise_augmentation import load_noise_augmentation

    return load_noise_augmentation(_tensors(file, NOISE_AUGMENTOR), width)


def _tensors(file: TensorFile, prefix: str) -> dict[str, Tensor]:
    return {name: file.tensor(origin.name) for name, origin in _part(file, prefix).items()}
