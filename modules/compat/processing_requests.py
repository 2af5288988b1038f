"""From the older UI's `p` to a request and back: each keeps what only the other has a name for.

`to_request(from_request(request)) == request`: what a request says and `p` has no name for stays with `p` as
`easel_request`. Pictures are PIL objects in `p` and names of kept pictures in requests.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from modules.compat import house
from modules.compat.processing_objects import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    chosen_styles,
    finite,
)
from modules.faults import Fault, InvalidField
from modules.generation.from_settings import (
    face_options,
    noise_options,
    picture_options,
    sampling_options,
    saving_options,
    text_options,
)
from modules.generation.options import NoiseOptions, SamplingOptions
from modules.generation.requests import (
    MASKED_CONTENTS,
    GenerationRequest,
    HiresFix,
    ImageToImage,
    Mask,
    PictureRequest,
    Refiner,
    TextToImage,
)
from modules.prompts import styles as style_texts
from modules.settings.model import Settings
from modules.settings.older_options import OVERRIDES, SETTINGS
from modules.settings.store import with_changes

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)
_T = TypeVar("_T")

DEFAULT_SAMPLER = "DPM++ 2M"
DEFAULT_UPSCALER = "Latent"
CHECKPOINT, VAE = "sd_model_checkpoint", "sd_vae"
_SAME = ("Use same sampler", "Use same scheduler", "Use same checkpoint")


def to_request(p: StableDiffusionProcessing) -> TextToImage | ImageToImage:
    """The request that `p` describes now; its pictures are kept. What `p` leaves open the settings say.

    Raises: InvalidField: a value out of range.
    """
    before = house.settings()
    after = _with_overrides(before, p.override_settings or {})
    kind = ImageToImage if isinstance(p, StableDiffusionProcessingImg2Img) else TextToImage
    base = p.easel_request if isinstance(p.easel_request, kind) else None
    given: dict[str, Any] = _from_settings(p, after) if base is None else _parts(base)
    if base is not None and after is not before:
        given |= _overridden(p, given, before, after)
    given |= _common(p, given, base)
    if isinstance(p, StableDiffusionProcessingImg2Img):
        given |= _of_picture(p, given, base)
    elif isinstance(p, StableDiffusionProcessingTxt2Img):
        given |= _of_text(p, base)
    if base is not None:
        return replace(base, **given)
    return kind(**given)


def from_request(request: GenerationRequest) -> StableDiffusionProcessing:
    """The `p` of a request, with the pictures that it begins with.

    Raises: Fault: a picture isn't there any more.
    """
    p = _image_to_image(request) if isinstance(request, ImageToImage) else _text_to_image(request)
    p.easel_request = replace(request, script=None)
    p.override_settings = dict(request.extensions.get(OVERRIDES, {}))
    p.do_not_save_samples = not request.save
    if house.is_open():
        kind = "img2img" if isinstance(request, ImageToImage) else "txt2img"
        p.outpath_samples = str(house.house().folders.outputs / kind)
        p.outpath_grids = str(house.house().folders.outputs / f"{kind}-grids")
    return p


def _with_overrides(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """The settings with those of the older UI's options that are ours; what doesn't fit is left out, with a note."""
    for name, value in options.items():
        if name not in SETTINGS:
            continue
        try:
            if name == CHECKPOINT and value is not None and house.is_open():
                value = house.house().checkpoints.find(value).filename
            settings = with_changes(settings, {SETTINGS[name]: value})
        except Fault as fault:
            log.warning("override_settings: %s can't be %r: %s", name, value, fault)
    return settings


def _from_settings(p: StableDiffusionProcessing, settings: Settings) -> dict[str, Any]:
    given: dict[str, Any] = {
        "checkpoint": settings.model.checkpoint,
        "vae": settings.model.vae,
        "tiling": settings.sampling.tiling,
        "save": settings.saving.save,
        "saving": saving_options(settings),
        "sampling": sampling_options(settings, p.sampler_name or DEFAULT_SAMPLER),
        "noise": noise_options(settings),
        "text": text_options(settings),
        "faces": face_options(settings),
    }
    if isinstance(p, StableDiffusionProcessingImg2Img):
        given["picture"] = picture_options(settings)
    return given


def _parts(base: PictureRequest) -> dict[str, Any]:
    names = ("checkpoint", "vae", "tiling", "save", "saving", "sampling", "noise", "text", "faces", "picture")
    return {name: getattr(base, name) for name in names if hasattr(base, name)}


def _overridden(
    p: StableDiffusionProcessing, given: dict[str, Any], before: Settings, after: Settings
) -> dict[str, Any]:
    """What `override_settings` change of a request that was made with the settings as they are."""
    then, now = _from_settings(p, before), _from_settings(p, after)
    return {name: _changed(given[name], then[name], value) for name, value in now.items()}


def _changed(mine: _T, then: _T, now: _T) -> _T:
    if then == now:
        return mine
    if not hasattr(now, "__dataclass_fields__"):
        return now
    changes = {
        one.name: getattr(now, one.name)
        for one in fields(now)  # type: ignore[arg-type]
        if getattr(now, one.name) != getattr(then, one.name)
    }
    return replace(mine, **changes)  # type: ignore[type-var]


def _common(
    p: StableDiffusionProcessing, given: dict[str, Any], base: PictureRequest | None
) -> dict[str, Any]:
    chosen = chosen_styles(p.styles or [])
    seeds, subseeds = _seeds(p, base)
    batch_size, batch_count = batches(p)
    common: dict[str, Any] = {
        "prompt": style_texts.apply(_first(p.prompt), chosen),
        "negative_prompt": style_texts.apply_negative(_first(p.negative_prompt), chosen),
        "seed": _first_seed(p.all_seeds or p.seed, seeds, base),
        "steps": int(p.steps),
        "sampler": p.sampler_name or DEFAULT_SAMPLER,
        "scheduler": p.scheduler or "Automatic",
        "cfg_scale": p.cfg_scale,
        "width": int(p.width),
        "height": int(p.height),
        "batch_size": batch_size,
        "batch_count": batch_count,
        "tiling": given["tiling"] if p.tiling is None else bool(p.tiling),
        "save": (base is not None or given["save"]) and not p.do_not_save_samples,
        "refiner": _refiner(p),
        "seeds": seeds,
        "variation_seeds": subseeds,
        "script": None,
        "sampling": _sampling(p, given["sampling"]),
        "noise": _noise(
            p, given["noise"], bool(subseeds and base is not None and subseeds is base.variation_seeds)
        ),
        "text": replace(given["text"], networks=not p.disable_extra_networks),
        "faces": replace(given["faces"], restorer=None) if p.restore_faces is False else given["faces"],
    }
    return common


def batches(p: StableDiffusionProcessing) -> tuple[int, int]:
    """Size and number of batches for just the pictures of `p`, where a list of prompts doesn't fill the last one."""
    size, count = max(1, int(p.batch_size)), max(1, int(p.n_iter))
    wanted = max(1, p.total_pictures)
    if wanted == size * count:
        return size, count
    size = next(each for each in range(min(size, wanted), 0, -1) if wanted % each == 0)
    return size, wanted // size


def _seeds(
    p: StableDiffusionProcessing, base: PictureRequest | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The seeds of each picture, where they don't simply count up."""
    seeds = p.all_seeds or (p.seed if isinstance(p.seed, list) else [])
    subseeds = p.all_subseeds or (p.subseed if isinstance(p.subseed, list) else [])
    up = 0 if p.subseed_strength != 0 else 1
    counted = [int(seeds[0]) + n * up for n in range(len(seeds))] if seeds else []
    own = () if list(seeds) == counted else tuple(map(int, seeds))
    counted = [int(subseeds[0]) + n for n in range(len(subseeds))] if subseeds else []
    own_variations = () if list(subseeds) == counted else tuple(map(int, subseeds))
    if base is not None and _are(seeds, base.seeds, base.seed_of):
        own = base.seeds
    if base is not None and _are(subseeds, base.variation_seeds, base.variation_seed_of):
        own_variations = base.variation_seeds
    return own, own_variations


def _are(seeds: Sequence[int], own: tuple[int, ...], seed_of: Callable[[int], int]) -> bool:
    """Whether pictures have the seeds that a request gives each of them."""
    return bool(own) and [seed_of(n) for n in range(len(seeds))] == list(seeds)


def _first_seed(given: Any, seeds: tuple[int, ...], base: PictureRequest | None) -> int:
    """The request's own seed, which says nothing where each picture has its own."""
    return base.seed if base is not None and seeds and seeds is base.seeds else int(_first(given))


def _sampling(p: StableDiffusionProcessing, options: SamplingOptions) -> SamplingOptions:
    given = {
        "eta": p.eta,
        "s_churn": p.s_churn,
        "s_tmin": p.s_tmin,
        "s_tmax": finite(p.s_tmax),
        "s_noise": p.s_noise,
        "skip_negative_below": p.s_min_uncond,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(options, **changes)


def _noise(p: StableDiffusionProcessing, options: NoiseOptions, own_seeds: bool) -> NoiseOptions:
    """Args: own_seeds: each picture has the variation seed that the request gave it."""
    return replace(
        options,
        variation_seed=options.variation_seed if own_seeds else int(_first(p.all_subseeds or p.subseed)),
        variation_strength=p.subseed_strength,
        resize_from_width=max(0, int(p.seed_resize_from_w)),
        resize_from_height=max(0, int(p.seed_resize_from_h)),
    )


def _refiner(p: StableDiffusionProcessing) -> Refiner | None:
    if p.refiner_checkpoint in (None, "", "None") or p.refiner_switch_at is None:
        return None
    return Refiner(checkpoint=str(p.refiner_checkpoint), switch_at=p.refiner_switch_at)


def _of_text(p: StableDiffusionProcessingTxt2Img, base: GenerationRequest | None) -> dict[str, Any]:
    first_pass = base.first_pass if isinstance(base, TextToImage) else None
    if p.firstpass_image is not None:
        first_pass = _keep(p, p.firstpass_image)
    if not p.enable_hr:
        return {"hires": None, "first_pass": first_pass}
    known = base.hires if isinstance(base, TextToImage) and base.hires is not None else HiresFix()
    strength = known.denoising_strength if p.denoising_strength is None else p.denoising_strength
    chosen = chosen_styles(p.styles or [])
    hires = replace(
        known,
        scale=p.hr_scale,
        width=int(p.hr_resize_x),
        height=int(p.hr_resize_y),
        upscaler=p.hr_upscaler or DEFAULT_UPSCALER,
        steps=int(p.hr_second_pass_steps),
        denoising_strength=strength,
        sampler=_other(p.hr_sampler_name),
        scheduler=_other(p.hr_scheduler),
        checkpoint=_other(p.hr_checkpoint_name),
        prompt=style_texts.apply(_first(p.hr_prompt), chosen) if p.hr_prompt else "",
        negative_prompt=style_texts.apply_negative(_first(p.hr_negative_prompt), chosen)
        if p.hr_negative_prompt
        else "",
    )
    return {"hires": hires, "first_pass": first_pass}


def _of_picture(
    p: StableDiffusionProcessingImg2Img, given: dict[str, Any], base: GenerationRequest | None
) -> dict[str, Any]:
    images = [image for image in p.init_images or [] if image is not None]
    picture = given["picture"]
    if p.initial_noise_multiplier is not None:
        picture = replace(picture, noise_multiplier=p.initial_noise_multiplier)
    mask = base.mask if isinstance(base, ImageToImage) else None
    of_frame = mask is not None and mask.image is None  # the frame of an outpainting is all that is masked
    mask = _mask(p, mask) if p.image_mask is not None or of_frame else None
    if p.latent_mask is not None:
        log.warning("p.latent_mask has no effect: p.image_mask says what is made anew.")
    strength = 0.75 if p.denoising_strength is None else p.denoising_strength
    return {
        "init_images": tuple(_keep(p, image) for image in images),
        "denoising_strength": strength,
        "resize_mode": int(p.resize_mode),
        "image_cfg_scale": p.image_cfg_scale,
        "mask": mask,
        "picture": picture,
    }


def _mask(p: StableDiffusionProcessingImg2Img, known: Mask | None) -> Mask:
    fill = p.inpainting_fill
    if not isinstance(fill, int) or not 0 <= fill < len(MASKED_CONTENTS):
        raise InvalidField(
            "inpainting_fill", f"inpainting_fill must be from 0 to {len(MASKED_CONTENTS) - 1}."
        )
    return replace(
        known or Mask(),
        image=None if p.image_mask is None else _keep(p, p.image_mask),
        blur_x=int(p.mask_blur_x),
        blur_y=int(p.mask_blur_y),
        invert=bool(p.inpainting_mask_invert),
        content=MASKED_CONTENTS[fill],
        only_masked=bool(p.inpaint_full_res),
        padding=int(p.inpaint_full_res_padding or 0),
        soft=not p.mask_round,
    )


def _text_to_image(request: TextToImage) -> StableDiffusionProcessingTxt2Img:
    p = StableDiffusionProcessingTxt2Img(**_fields(request))
    if request.hires is not None:
        hires = request.hires
        p.enable_hr = True
        p.hr_scale, p.hr_resize_x, p.hr_resize_y = hires.scale, hires.width, hires.height
        p.hr_upscaler, p.hr_second_pass_steps = hires.upscaler, hires.steps
        p.denoising_strength = hires.denoising_strength
        p.hr_sampler_name, p.hr_scheduler = hires.sampler, hires.scheduler
        p.hr_checkpoint_name = hires.checkpoint
        p.hr_prompt, p.hr_negative_prompt = hires.prompt, hires.negative_prompt
    if request.first_pass is not None:
        p.firstpass_image = _open(p, request.first_pass, "firstpass_image")
    return p


def _image_to_image(request: ImageToImage) -> StableDiffusionProcessingImg2Img:
    p = StableDiffusionProcessingImg2Img(**_fields(request))
    p.init_images = [_open(p, name, "init_images") for name in request.init_images]
    p.denoising_strength = request.denoising_strength
    p.resize_mode = request.resize_mode
    p.image_cfg_scale = request.image_cfg_scale
    p.initial_noise_multiplier = request.picture.noise_multiplier
    mask = request.mask
    if mask is not None:
        p.image_mask = None if mask.image is None else _open(p, mask.image, "mask")
        p.mask_blur_x, p.mask_blur_y = mask.blur_x, mask.blur_y
        p.inpainting_mask_invert = int(mask.invert)
        p.inpainting_fill = MASKED_CONTENTS.index(mask.content)
        p.inpaint_full_res, p.inpaint_full_res_padding = mask.only_masked, mask.padding
        p.mask_round = not mask.soft
    return p


def _fields(request: PictureRequest) -> dict[str, Any]:
    noise, sampling = request.noise, request.sampling
    refiner, every = request.refiner, range(request.pictures)
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": list(map(request.seed_of, every)) if request.seeds else request.seed,
        "subseed": list(map(request.variation_seed_of, every))
        if request.variation_seeds
        else noise.variation_seed,
        "subseed_strength": noise.variation_strength,
        "seed_resize_from_w": noise.resize_from_width or -1,
        "seed_resize_from_h": noise.resize_from_height or -1,
        "sampler_name": request.sampler,
        "scheduler": request.scheduler,
        "batch_size": request.batch_size,
        "n_iter": request.batch_count,
        "steps": request.steps,
        "cfg_scale": request.cfg_scale,
        "width": request.width,
        "height": request.height,
        "restore_faces": request.faces.restorer is not None,
        "tiling": request.tiling,
        "eta": sampling.eta,
        "s_min_uncond": sampling.skip_negative_below,
        "s_churn": sampling.s_churn,
        "s_tmax": sampling.s_tmax or math.inf,
        "s_tmin": sampling.s_tmin,
        "s_noise": sampling.s_noise,
        "refiner_checkpoint": None if refiner is None else refiner.checkpoint,
        "refiner_switch_at": None if refiner is None else refiner.switch_at,
        "disable_extra_networks": not request.text.networks,
    }


def _open(p: StableDiffusionProcessing, name: str, field: str) -> Image:
    image = house.house().inputs.open(name, field)
    p.easel_kept[_digest(image)] = name
    return image


def _keep(p: StableDiffusionProcessing, image: Any) -> str:
    """The name of a kept picture.

    Raises: InvalidField: it is no picture.
    """
    from PIL import Image

    if not isinstance(image, Image.Image):
        try:
            image = Image.fromarray(image)
        except (AttributeError, TypeError, ValueError) as error:
            kind = type(image).__name__
            raise InvalidField(
                "init_images", f"A script gave {kind} where a picture (PIL.Image) is needed."
            ) from error
    digest = _digest(image)
    if digest not in p.easel_kept:
        known = image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGB")
        p.easel_kept[digest] = house.house().inputs.keep(known)
    return p.easel_kept[digest]


def _digest(image: Image) -> str:
    described = f"{image.mode} {image.size} ".encode()
    return hashlib.blake2b(described + image.tobytes(), digest_size=16).hexdigest()


def _other(name: str | None) -> str | None:
    return None if not name or name in _SAME else name


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) and value else value
