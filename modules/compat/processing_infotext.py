"""The infotext as the older UI's scripts ask for it. (Pictures get theirs from `generation.recipe`.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modules.compat import house
from modules.faults import Fault
from modules.imaging.infotext import compose
from modules.version import VERSION

if TYPE_CHECKING:
    from modules.compat.processing_objects import StableDiffusionProcessing


def program_version() -> str:
    """The name and version that infotexts end with."""
    return f"Easel {VERSION}"


def create_infotext(
    p: StableDiffusionProcessing,
    all_prompts: Sequence[str] | None,
    all_seeds: Sequence[int] | None,
    all_subseeds: Sequence[int] | None,
    comments: Any = None,
    iteration: int = 0,
    position_in_batch: int = 0,
    use_main_prompt: bool = False,
    index: int | None = None,
    all_negative_prompts: Sequence[str] | None = None,
) -> str:
    """The recipe of one picture.

    Args:
        all_prompts, all_seeds, all_subseeds: a value for each picture.
        index: which picture; None: counted from `iteration` and `position_in_batch`.
        use_main_prompt: write the first picture's prompt, as grids do.
    """
    if index is None:
        index = position_in_batch + iteration * int(p.batch_size)
    negatives = all_negative_prompts or p.all_negative_prompts or [_text(p.negative_prompt)]
    if use_main_prompt:
        prompt, negative = p.main_prompt or "", p.main_negative_prompt or ""
    else:
        prompt, negative = _at(all_prompts or [_text(p.prompt)], index), _at(negatives, index)
    seed = _at(p.all_seeds or [p.seed] if all_seeds is None else all_seeds, 0 if use_main_prompt else index)
    subseed = _at(
        p.all_subseeds or [p.subseed] if all_subseeds is None else all_subseeds,
        0 if use_main_prompt else index,
    )
    parameters = {
        **_basics(p, seed, subseed),
        **extra_parameters(p, index, prompt, negative),
        "Version": program_version(),
    }
    return compose(prompt, negative, parameters)


def extra_parameters(p: StableDiffusionProcessing, index: int, prompt: str, negative: str) -> dict[str, Any]:
    """What scripts have put into `extra_generation_params`, for one picture.

    A list holds a value for each picture; a function is asked for the value.
    """
    values: dict[str, Any] = {}
    for name, value in (p.extra_generation_params or {}).items():
        if isinstance(value, list):
            value = value[index] if index < len(value) else None
        elif callable(value):
            value = value(
                p=p,
                index=index,
                position_in_batch=index % int(p.batch_size),
                iteration=index // int(p.batch_size),
                prompt_text=prompt,
                negative_prompt_text=negative,
                all_prompts=p.all_prompts,
                all_negative_prompts=p.all_negative_prompts,
                all_seeds=p.all_seeds,
                all_subseeds=p.all_subseeds,
            )
        values[name] = value
    return values


def _basics(p: StableDiffusionProcessing, seed: Any, subseed: Any) -> dict[str, Any]:
    request = p.easel_request
    varied = p.subseed_strength != 0
    resized = p.seed_resize_from_w > 0 and p.seed_resize_from_h > 0
    hires = getattr(p, "enable_hr", False)
    image = hasattr(p, "init_images")
    name, short_hash = checkpoint_of(p)
    clip_skip = 1 if request is None else request.text.clip_skip
    source = "CPU" if request is None else request.noise.source
    return {
        "Steps": p.steps,
        "Sampler": p.sampler_name,
        "Schedule type": _schedule(p),
        "CFG scale": float(p.cfg_scale),
        "Image CFG scale": getattr(p, "image_cfg_scale", None),
        "Seed": seed,
        "Size": f"{p.width}x{p.height}",
        "Model hash": short_hash,
        "Model": name,
        "Variation seed": subseed if varied else None,
        "Variation seed strength": p.subseed_strength if varied else None,
        "Seed resize from": f"{p.seed_resize_from_w}x{p.seed_resize_from_h}" if resized else None,
        "Denoising strength": p.denoising_strength if hires or image else None,
        "Clip skip": clip_skip if clip_skip > 1 else None,
        "RNG": None if source == "GPU" else source,
        "Tiling": True if p.tiling else None,
    }


def _schedule(p: StableDiffusionProcessing) -> str | None:
    """The schedule that is really used."""
    from modules.generation.recipe import schedule_label
    from modules.sampling.catalogue import resolve

    try:
        return schedule_label(*resolve(p.sampler_name or "Euler", p.scheduler or "Automatic"))
    except Fault:
        return p.scheduler


def checkpoint_of(p: StableDiffusionProcessing) -> tuple[str | None, str | None]:
    """Name and short hash of the checkpoint that `p` is made with."""
    if p.sd_model_name is not None:
        return p.sd_model_name, p.sd_model_hash
    if not house.is_open():
        return None, None
    services = house.house()
    wanted = None if p.easel_request is None else p.easel_request.checkpoint
    wanted = (p.override_settings or {}).get("sd_model_checkpoint") or wanted
    try:
        found = services.models.resolve(wanted or services.settings.current.model.checkpoint)
    except Fault:
        return None, None
    return found.path.stem, found.short_hash


def _text(value: Any) -> str:
    return value[0] if isinstance(value, list) else value


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else values[-1]
