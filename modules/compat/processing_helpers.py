"""Small functions of the older UI's `modules.processing`: seeds, masks, colours, noise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from modules.generation.requests import new_seed

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from modules.compat.processing_objects import StableDiffusionProcessing


class _Random(threading.local):
    """Where random seeds come from in this thread: a script's job draws the same again after a crash."""

    seed: Callable[[], int] = staticmethod(new_seed)


random = _Random()


def get_fixed_seed(seed: Any) -> Any:
    """The seed as a number; a random one for None, "" and -1."""
    if seed is None or seed == "":
        return random.seed()
    try:
        seed = int(seed)
    except (TypeError, ValueError):
        return random.seed()
    return random.seed() if seed == -1 else seed


def fix_seed(p: StableDiffusionProcessing) -> None:
    """Draw the random seeds of `p`; lists keep theirs."""
    if not isinstance(p.seed, list):
        p.seed = get_fixed_seed(p.seed)
    if not isinstance(p.subseed, list):
        p.subseed = get_fixed_seed(p.subseed)


def create_binary_mask(image: Image, round: bool = True) -> Image:
    """The mask in a picture (see `imaging.masks`)."""
    from modules.imaging.masks import read_mask

    return read_mask(image, soft=not round)


def uncrop(image: Image, dest_size: tuple[int, int], paste_loc: tuple[int, int, int, int]) -> Image:
    """A cropped picture back at its place, `(left, top, width, height)`, in a transparent one of `dest_size`."""
    from PIL import Image as PIL

    from modules.imaging.resizing import CROP, resize

    left, top, width, height = paste_loc
    whole = PIL.new("RGBA", dest_size)
    whole.paste(resize(image.convert("RGB"), CROP, width, height), (left, top))
    return whole


def apply_overlay(image: Image, paste_loc: Any, overlay: Image | None) -> tuple[Image, Image]:
    """The result under the original's unmasked pixels, and the result as it is.

    Args: paste_loc: where in the original it belongs, `(left, top, width, height)`; None: it is all of it.
    """
    if overlay is None:
        return image, image.copy()
    if paste_loc is not None:
        image = uncrop(image, (overlay.width, overlay.height), paste_loc)
    original_denoised = image.copy()
    image = image.convert("RGBA")
    image.alpha_composite(overlay)
    return image.convert("RGB"), original_denoised


def setup_color_correction(image: Image) -> Any:
    """What `apply_color_correction` needs of the picture whose colours are wanted: the picture."""
    return image.convert("RGB").copy()


def apply_color_correction(correction: Any, original_image: Image) -> Image:
    """The picture with the colours of `correction`: a picture, or an array of its LAB values."""
    import numpy as np
    from PIL import Image as PIL

    from modules.imaging.colour_correction import correct_colours

    if isinstance(correction, np.ndarray):
        import cv2

        rgb = np.asarray(cv2.cvtColor(correction.astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)
        correction = PIL.fromarray(rgb)
    return correct_colours(original_image, correction)


def slerp(val: float, low: Tensor, high: Tensor) -> Tensor:
    """See `sampling.noise.slerp`."""
    from modules.sampling import noise

    return noise.slerp(val, low, high)


def create_random_tensors(
    shape: Sequence[int],
    seeds: Sequence[int],
    subseeds: Sequence[int] | None = None,
    subseed_strength: float = 0.0,
    seed_resize_from_h: int = 0,
    seed_resize_from_w: int = 0,
    p: Any = None,
) -> Tensor:
    """The first noise of pictures with these seeds, `[B, *shape]`; sizes to resize from are in pixels."""
    import torch

    from modules.sampling.noise import PictureNoise, Seeds

    request = getattr(p, "easel_request", None)
    source: Any = "CPU" if request is None else request.noise.source
    others = subseeds or [0] * len(seeds)
    small = None
    if seed_resize_from_h > 0 and seed_resize_from_w > 0:
        small = (seed_resize_from_h // 8, seed_resize_from_w // 8)
    noise = PictureNoise(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        [Seeds(seed, other, subseed_strength) for seed, other in zip(seeds, others, strict=False)],
        torch.device("cpu") if p is None else _device(),
        source,
        small,
    )
    return noise.first()


def _device() -> Any:
    from modules.compat import devices

    return devices.device


def decode_latent_batch(
    model: Any, batch: Any, target_device: Any = None, check_for_nans: bool = False
) -> Any:
    """Latents `[B, 4, h, w]` to a list of pictures `[3, H, W]` in -1..1.

    Args: model: what `shared.sd_model` gives.
    """
    import torch

    with torch.inference_mode():
        decoded = [model.decode_first_stage(latent[None])[0] for latent in batch]
    return [one if target_device is None else one.to(target_device) for one in decoded]


def decode_first_stage(model: Any, x: Any) -> Any:
    """Latents to pictures, as one tensor."""
    import torch

    return torch.stack(decode_latent_batch(model, x))


def txt2img_image_conditioning(sd_model: Any, x: Tensor, width: int, height: int) -> Tensor:
    """See `StableDiffusionProcessing.txt2img_image_conditioning`."""
    return x.new_zeros(x.shape[0], 5, 1, 1)


def old_hires_fix_first_pass_dimensions(width: int, height: int) -> tuple[int, int]:
    """The size of the first pass that very old versions chose: about 512 x 512 pixels, in steps of 64."""
    scale = (512 * 512 / (width * height)) ** 0.5
    return -(-int(width * scale) // 64) * 64, -(-int(height * scale) // 64) * 64


def sample_latents(p: Any, cond: Any, uncond: Any, seeds: Any, subseeds: Any, subseed_strength: float) -> Any:
    """Latents `[B, 4, h, w]` of seeds and encoded prompts: of one pass, from a picture where `p` has one.

    Raises: Fault: it can't be done.
    """
    from modules.compat import sd_samplers
    from modules.compat.rng import ImageRNG

    model = p.sd_model
    sizes = p.seed_resize_from_h, p.seed_resize_from_w
    shape = (model.latent_channels, p.height // 8, p.width // 8)
    p.rng = ImageRNG(shape, seeds, subseeds, subseed_strength, *sizes)
    sampler = sd_samplers.create_sampler(p.sampler_name, model)
    noise = p.rng.next()
    pictures = [image for image in getattr(p, "init_images", None) or [] if image is not None]
    if not pictures:
        told = p.txt2img_image_conditioning(noise)
        return sampler.sample(p, noise, cond, uncond, image_conditioning=told)
    if p.init_latent is None:
        p.init_latent = _latents_of(pictures[0], p.width, p.height, len(noise))
    told = p.img2img_image_conditioning(pictures[0], p.init_latent)
    return sampler.sample_img2img(p, p.init_latent, noise, cond, uncond, image_conditioning=told)


def _latents_of(image: Any, width: int, height: int, count: int) -> Any:
    import numpy as np
    import torch

    from modules.compat.sd_samplers_common import images_tensor_to_samples

    pixels = np.asarray(image.convert("RGB").resize((width, height))).astype(np.float32) / 255
    tensor = torch.from_numpy(pixels.transpose(2, 0, 1))[None]
    return images_tensor_to_samples(tensor).repeat(count, 1, 1, 1)
