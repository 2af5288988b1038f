"""The axes: one line for each. To add one, write a line at the end of `AXES`.

The API may name an axis by its place in the menu, so their order, and the places of those that Easel has no feature
for (`NOT_HERE`), are those of the older UI.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from math import factorial
from typing import Any

from modules.faults import InvalidField, NotSupported
from modules.generation.requests import GenerationRequest, Refiner, TextToImage
from modules.imaging.face_restoration import NAMES
from modules.plugins.hooks import PlotAxis
from modules.plugins.program import Program
from modules.prompts.styles import Style
from modules.sampling.catalogue import find_scheduler, resolve

from . import names as known
from .axis import (
    Axis,
    denoising,
    field,
    hires,
    number,
    one_of,
    picture,
    plainly,
    text,
    whole,
    yes_or_no,
)
from .names import Names

NOTHING = "Nothing"
SEEDS = ("Seed", "Var. seed")
MOST_ORDERS = 720
_SIZE = re.compile(r"(\d+)\s*[x×X]\s*(\d+)")

# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────


def _sampler(word: str, names: Names) -> Sequence[str]:
    resolve(word, "Automatic")
    return [word]


def _one_sampler(word: str, names: Names) -> Sequence[str]:
    return [resolve(word, "Automatic")[0].name]


def _schedule(word: str, names: Names) -> Sequence[str]:
    return [find_scheduler(word).label]


def _size(word: str, names: Names) -> Sequence[tuple[int, int]]:
    found = _SIZE.fullmatch(word)
    if found is None:
        raise ValueError(f"{word!r} is no size such as 512x768")
    return [(int(found[1]), int(found[2]))]


def _refiner(word: str, names: Names) -> Sequence[str]:
    return ["None" if word.lower() == "none" else names.checkpoint(word)]


def _styles(word: str, names: Names) -> Sequence[tuple[str, list[Style]]]:
    return [(word, names.styles(word))]


def _orders(words: list[str]) -> list[tuple[str, ...]]:
    if factorial(len(words)) > MOST_ORDERS:
        raise ValueError(
            f"{len(words)} words have {factorial(len(words)):,} orders, and {MOST_ORDERS} are possible"
        )
    return list(permutations(words))


# ── Applying ────────────────────────────────────────────────────────────────────────────────────────────────


def _seed(request: GenerationRequest, value: int) -> GenerationRequest:
    return replace(request, seed=value, seeds=())


def _variation_seed(request: GenerationRequest, value: int) -> GenerationRequest:
    return replace(request, noise=replace(request.noise, variation_seed=value), variation_seeds=())


def _with_sampler(request: GenerationRequest, name: str) -> GenerationRequest:
    sampler, schedule = resolve(name, request.scheduler)
    return replace(request, sampler=sampler.name, scheduler=schedule.label)


def _discard(request: GenerationRequest, always: bool) -> GenerationRequest:
    return field("sampling.discard_next_to_last_sigma")(request, always or None)


def _with_refiner(request: GenerationRequest, name: str) -> GenerationRequest:
    if name == "None":
        return replace(request, refiner=None)
    before = request.refiner
    return replace(
        request, refiner=Refiner(checkpoint=name) if before is None else replace(before, checkpoint=name)
    )


def _switch_at(request: GenerationRequest, share: float) -> GenerationRequest:
    if request.refiner is None:
        return request  # nothing is refined in this cell
    return replace(request, refiner=replace(request.refiner, switch_at=share))


def _resized(request: GenerationRequest, size: tuple[int, int]) -> GenerationRequest:
    return replace(request, width=size[0], height=size[1])


def _replaced(request: GenerationRequest, pair: tuple[str, str]) -> GenerationRequest:
    """Every `wanted` in the prompts becomes `word`; those of the second pass too."""
    wanted, word = pair
    later = request.hires if isinstance(request, TextToImage) else None
    prompts = [request.prompt, request.negative_prompt]
    prompts += [] if later is None else [later.prompt, later.negative_prompt]
    if not any(wanted in prompt for prompt in prompts):
        raise ValueError(f"{wanted!r} is not in the prompt, nor in the negative one")
    new = [prompt.replace(wanted, word) for prompt in prompts]
    request = replace(request, prompt=new[0], negative_prompt=new[1])
    if isinstance(request, TextToImage) and later is not None:
        return replace(request, hires=replace(later, prompt=new[2], negative_prompt=new[3]))
    return request


def _reordered(request: GenerationRequest, words: tuple[str, ...]) -> GenerationRequest:
    """The words, each where one of them stands in the prompt, in this order."""
    places = []
    for word in words:
        place = request.prompt.find(word)
        if place < 0:
            raise ValueError(f"{word!r} is not in the prompt")
        places.append((place, word))
    parts, end = [], 0
    for (place, old), new in zip(sorted(places), words, strict=True):
        parts += [request.prompt[end:place], new]
        end = place + len(old)
    return replace(request, prompt="".join([*parts, request.prompt[end:]]))


def _with_faces(request: GenerationRequest, restorer: str) -> GenerationRequest:
    return field("faces.restorer")(request, None if restorer == "None" else restorer)


def _styled(request: GenerationRequest, chosen: tuple[str, list[Style]]) -> GenerationRequest:
    return known.with_styles(request, chosen[1])


# ── Legends ─────────────────────────────────────────────────────────────────────────────────────────────────


def _file(name: str) -> str:
    return ntpath.basename(name)


def _pair(pair: tuple[str, str]) -> str:
    return pair[1]


def pairs(words: list[str]) -> list[tuple[str, str]]:
    """What is searched for, the first word, with each word."""
    return [(words[0], word) for word in words]


def _booleans(program: Program) -> list[str]:
    return ["False", "True"]


_SOURCES = ["GPU", "CPU", "NV"]
_RESTORERS = [*NAMES, "None"]

AXES: tuple[Axis, ...] = (
    Axis(NOTHING, text, lambda request, value: request, show=lambda value: ""),
    Axis("Seed", whole, _seed),
    Axis("Var. seed", whole, _variation_seed),
    Axis("Var. strength", number, field("noise.variation_strength")),
    Axis("Steps", whole, field("steps")),
    Axis("Hires steps", whole, hires("steps"), tab="txt2img"),
    Axis("CFG Scale", number, field("cfg_scale")),
    Axis("Image CFG Scale", number, picture("image_cfg_scale"), tab="img2img"),
    Axis("Prompt S/R", text, _replaced, show=_pair, all_values=pairs),
    Axis("Prompt order", text, _reordered, show=", ".join, all_values=_orders),
    Axis("Sampler", _sampler, _with_sampler, choices=known.samplers, show=plainly),
    Axis(
        "Hires sampler", _one_sampler, hires("sampler"), choices=known.samplers, tab="txt2img", show=plainly
    ),
    Axis(
        "Checkpoint name",
        lambda word, names: [names.checkpoint(word)],
        field("checkpoint"),
        cost=1.0,
        choices=known.checkpoints,
        show=_file,
    ),
    Axis("Negative Guidance minimum sigma", number, field("sampling.skip_negative_below")),
    Axis("Sigma Churn", number, field("sampling.s_churn")),
    Axis("Sigma min", number, field("sampling.s_tmin")),
    Axis("Sigma max", number, field("sampling.s_tmax")),
    Axis("Sigma noise", number, field("sampling.s_noise")),
    Axis("Schedule type", _schedule, field("scheduler"), choices=known.schedules),
    Axis("Schedule min sigma", number, field("sampling.sigma_min")),
    Axis("Schedule max sigma", number, field("sampling.sigma_max")),
    Axis("Schedule rho", number, field("sampling.rho")),
    Axis("Eta", number, field("sampling.eta")),
    Axis("Clip skip", whole, field("text.clip_skip")),
    Axis("Denoising", number, denoising),
    Axis("Initial noise multiplier", number, picture("picture.noise_multiplier")),
    Axis("Extra noise", number, picture("picture.extra_noise")),
    Axis(
        "Hires upscaler",
        lambda word, names: [names.upscaler(word)],
        hires("upscaler"),
        choices=known.upscalers,
        tab="txt2img",
    ),
    Axis("Cond. Image Mask Weight", number, picture("picture.mask_weight"), tab="img2img"),
    Axis(
        "VAE", lambda word, names: [names.vae(word)], field("vae"), cost=0.7, choices=known.vaes, show=_file
    ),
    Axis("Styles", _styles, _styled, choices=known.style_names, show=lambda chosen: f"Styles: {chosen[0]}"),
    Axis("Face restore", one_of(*_RESTORERS), _with_faces, choices=lambda program: _RESTORERS),
    Axis("Always discard next-to-last sigma", yes_or_no, _discard, choices=_booleans),
    Axis("SGM noise multiplier", yes_or_no, field("sampling.sgm_noise_multiplier"), choices=_booleans),
    Axis(
        "Refiner checkpoint",
        _refiner,
        _with_refiner,
        cost=0.9,
        choices=known.refiners,
        show=_file,
        first=True,
    ),
    Axis("Refiner switch at", number, _switch_at),
    Axis("RNG source", one_of(*_SOURCES), field("noise.source"), choices=lambda program: _SOURCES),
    Axis("Size", _size, _resized, show=lambda size: f"{size[0]}x{size[1]}"),
    # Easel's own.
    Axis("CFG rescale", number, field("sampling.cfg_rescale")),
    Axis("Hires upscale by", number, hires("scale"), tab="txt2img"),
    Axis("Resize mode", whole, picture("resize_mode"), tab="img2img"),
)

NOT_HERE = {
    "Schedule rho": ("Beta schedule alpha", "Beta schedule beta"),
    "Styles": ("UniPC Order",),
    "Face restore": ("Token merging ratio", "Token merging ratio high-res"),
    "RNG source": ("FP8 mode",),
}
"""Axes of the older UI that Easel has no feature for, behind which of ours they stand in its menu."""


def axes_of(kind: str, added: Sequence[PlotAxis] = ()) -> list[Axis]:
    """Those of a tab; all with a picture have the same. Args: added: by extensions; a label is the first's."""
    labels = {axis.label.lower() for axis in AXES}
    others = [_of_extension(one) for one in added if one.label.lower() not in labels]
    tabs = ("both", "txt2img" if kind == "txt2img" else "img2img")
    return [axis for axis in (*AXES, *others) if axis.tab in tabs]


def _of_extension(added: PlotAxis) -> Axis:
    read = {int: whole, float: number, bool: yes_or_no}.get(added.kind, text)
    choices = added.choices
    return Axis(
        added.label,
        read,
        added.apply,
        added.cost,
        None if choices is None else lambda program: list(choices()),
        added.tab,
        added.legend,
        added.combine,
    )


def find(wanted: Any, kind: str, name: str, added: Sequence[PlotAxis] = ()) -> Axis:
    """The axis of a label, or of a place in the older UI's menu.

    Args: name: of the control, for the error; added: axes of extensions.

    Raises: InvalidField, NotSupported.
    """
    offered = axes_of(kind, added)
    places: list[Axis | str] = []
    for axis in offered:
        places += [axis, *NOT_HERE.get(axis.label, ())]
    if isinstance(wanted, float) and wanted.is_integer():
        wanted = int(wanted)
    found: Axis | str | None = None
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        found = places[wanted] if 0 <= wanted < len(places) else None
    else:
        label = str(wanted if wanted is not None else NOTHING).strip().lower() or NOTHING.lower()
        found = next((p for p in places if (p if isinstance(p, str) else p.label).lower() == label), None)
    if isinstance(found, Axis):
        return found
    if found is not None:
        raise NotSupported(f"X/Y/Z plot: Easel has nothing that the axis {found!r} could change.", name)
    raise InvalidField(name, f"X/Y/Z plot: there is no axis {wanted!r} here. Use one of its menu's names.")
