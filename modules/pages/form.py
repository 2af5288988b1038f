"""The form's values and the request that they describe.

A field's place is its path in the request (`"noise.variation_strength"`), so both ways are one rule:
`to_request(kind_of(request), from_request(request), settings) == request` for all that the form shows.
Besides the fields of `pages.fields` there are values that have no component: the scripts add them when Generate is
pressed (see `CARRIED`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar

from modules.faults import InvalidField
from modules.generation.from_settings import (
    face_options,
    noise_options,
    picture_options,
    sampling_options,
    saving_options,
    text_options,
)
from modules.generation.options import RANDOM_SEED
from modules.generation.requests import (
    HiresFix,
    ImageToImage,
    Mask,
    Refiner,
    ScriptCall,
    TextToImage,
    new_seed,
)
from modules.imaging.frame import OutpaintFrame
from modules.pages.fields import FIELDS, HIRES, KINDS, NO_REFINER, NO_SCRIPT, SAME, Field, Kind, fields_of
from modules.settings.model import Settings

Values = Mapping[str, Any]
"""Values of fields by their names."""

CARRIED = (
    "init_images",
    "mask.image",
    "mask.images",
    "frame",
    "first_pass",
    "outpaint.width",
    "outpaint.height",
    "own_prompts",
)
"""Pictures by their names in the input store, the frame's sides in pixels, the size with the frame, and what each of
several pictures says itself: `{prompt, negative_prompt, seed}`, or null."""

_R = TypeVar("_R", bound=TextToImage | ImageToImage)


def kind_of(request: TextToImage | ImageToImage) -> Kind:
    """The tab that a request belongs to."""
    if isinstance(request, TextToImage):
        return "txt2img"
    if request.frame is not None:
        return "outpaint"
    return "img2img" if request.mask is None else "inpaint"


def to_request(kind: Kind, values: Values, settings: Settings) -> TextToImage | ImageToImage:
    """The request that the form's values describe.

    Raises: InvalidField: a field is empty, of the wrong kind, or out of range; a picture is missing.
    """
    if kind not in KINDS:
        raise InvalidField("kind", f"The page asked for {kind!r}, which is no kind of request.")
    common: dict[str, Any] = {
        "save": settings.saving.save,
        "saving": saving_options(settings),
        "tiling": settings.sampling.tiling,
        "sampling": sampling_options(settings, str(values.get("sampler"))),
        "noise": noise_options(settings),
        "text": text_options(settings),
        "faces": face_options(settings),
        "vae": settings.model.vae,
    }
    fields_here = fields_of(kind)
    refiner = values.get("refiner.checkpoint")
    if refiner in (None, "", NO_REFINER):
        fields_here = tuple(field for field in fields_here if not field.place.startswith("refiner."))
    else:
        common["refiner"] = Refiner(checkpoint=refiner)
    script = values.get("script")
    fields_here = tuple(field for field in fields_here if field.name != "script")
    if script not in (None, "", NO_SCRIPT):
        common["script"] = ScriptCall(name=str(script))
    if kind == "txt2img":
        with_hires = bool(values.get(HIRES))
        text = TextToImage(**common, hires=HiresFix() if with_hires else None)
        chosen = tuple(f for f in fields_here if with_hires or not f.place.startswith("hires."))
        return replace(_filled(text, chosen, values), first_pass=values.get("first_pass"))
    names = values.get("init_images")
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidField(
            "init_images", "There is no picture yet. Choose one, drop it on the page, or paste it."
        )
    picture = ImageToImage(
        **common,
        init_images=tuple(names),
        picture=picture_options(settings),
        mask=None if kind == "img2img" else Mask(),
    )
    if kind == "outpaint":
        size = (_whole(values.get("outpaint.width")), _whole(values.get("outpaint.height")))
        picture = replace(picture, width=size[0], height=size[1], frame=_frame(values.get("frame")))
    if kind == "inpaint":
        image, images = values.get("mask.image"), values.get("mask.images") or ()
        if not isinstance(image, str) and len(images) != len(names):
            raise InvalidField("mask", "Nothing is masked yet. Paint over what is to be drawn anew.")
        blur = _filled_in(values, next(f for f in fields_of(kind) if f.name == "mask.blur"))
        picture = replace(picture, mask=Mask(image=image, images=tuple(images), blur_x=blur, blur_y=blur))
    filled = _filled(picture, tuple(f for f in fields_here if f.name != "mask.blur"), values)
    return _with_own_prompts(filled, values.get("own_prompts") or ())


def _with_own_prompts(request: ImageToImage, own: Sequence[Mapping[str, Any] | None]) -> ImageToImage:
    """Each of several pictures with the prompts and the seed that it has in itself, behind those of the form."""
    if not any(own):
        return request
    says = [each or {} for each in own]

    def joined(name: str, written: str) -> tuple[str, ...]:
        return tuple(
            ", ".join(text for text in (written, str(each.get(name) or "")) if text) for each in says
        )

    seed = new_seed() if request.seed == RANDOM_SEED else request.seed
    count = range(request.pictures)
    return replace(
        request,
        prompts=joined("prompt", request.prompt),
        negative_prompts=joined("negative_prompt", request.negative_prompt),
        seeds=tuple(int(says[n % len(says)].get("seed", seed + n)) for n in count),
    )


def _frame(sides: Any) -> OutpaintFrame:
    names = [field.name for field in fields(OutpaintFrame)]
    if not isinstance(sides, Mapping) or not any(sides.get(name) for name in names):
        raise InvalidField(
            "outpaint", "No side is extended yet. Drag a side outwards, or press one of the arrows."
        )
    pixels = {name: _whole(sides.get(name, 0)) for name in names}
    if not all(isinstance(value, int) for value in pixels.values()):
        raise InvalidField("outpaint", "The sides must be whole numbers of pixels.")
    return OutpaintFrame(**pixels)


def _filled(request: _R, chosen: tuple[Field, ...], values: Values) -> _R:
    """The request with the values of these fields."""
    groups: dict[str, dict[str, Any]] = {"": {}}
    for field in chosen:
        if field.name not in values:
            continue
        value = _filled_in(values, field)
        if value is None:
            continue
        group, _, name = field.place.rpartition(".")
        groups.setdefault(group, {})[name] = value
    nested = {name: replace(getattr(request, name), **group) for name, group in groups.items() if name}
    return replace(request, **groups[""], **nested)


def _filled_in(values: Values, field: Field) -> Any:
    """The request's value for a field; None: nothing is said.

    Raises: InvalidField: it is empty and must not be.
    """
    value = _whole(values.get(field.name))
    if value is None or (field.optional and value in ("", SAME, field.start)):
        if field.optional:
            return None
        raise InvalidField(field.api_name, f"{field.label} is empty. Enter a value.")
    if not field.choices:
        return value
    by_label = dict(field.choices)
    if value not in by_label:
        raise InvalidField(
            field.api_name, f"{field.label} must be one of {', '.join(by_label)}, not {value!r}."
        )
    return by_label[value]


def from_request(request: TextToImage | ImageToImage) -> dict[str, Any]:
    """The values that the form shows for a request: of its kind only."""
    kind = kind_of(request)
    values: dict[str, Any] = {}
    for field in fields_of(kind):
        if field.place.startswith("hires.") and _at(request, "hires") is None:
            continue
        if field.name == "refiner.switch_at" and request.refiner is None:
            continue
        values[field.name] = shown(field, _at(request, field.place))
    if isinstance(request, TextToImage):
        values |= {HIRES: request.hires is not None, "first_pass": request.first_pass}
        return values
    mask, frame = request.mask, request.frame
    return values | {
        "init_images": list(request.init_images),
        "mask.image": None if mask is None else mask.image,
        "mask.images": [] if mask is None else list(mask.images),
        "frame": None if frame is None else asdict(frame),
        "outpaint.width": request.width,
        "outpaint.height": request.height,
    }


def shown(field: Field, value: Any) -> Any:
    """How the form shows a request's value."""
    if field.choices:
        return next((label for label, meant in field.choices if meant == value), field.choices[0][0])
    if value is None or (field.blank is not None and value == field.blank):
        return field.start if field.optional else value
    return value


def start_values() -> dict[str, Any]:
    """The values of a fresh form."""
    samples = (
        TextToImage(hires=HiresFix()),
        ImageToImage(init_images=("-",), mask=Mask()),
        ImageToImage(init_images=("-",), mask=Mask(), frame=OutpaintFrame()),
    )
    values: dict[str, Any] = {}
    for sample in samples:
        values = from_request(sample) | values
    begun = {field.name: field.start for field in FIELDS if field.start is not None}
    left_open = {field.name: None for field in FIELDS if field.optional and field.start is None}
    fresh = values | left_open | begun | {HIRES: False}
    return {name: value for name, value in fresh.items() if name not in CARRIED}


def component_of(api_name: str | None, kind: Kind = "txt2img") -> str | None:
    """The name of the form's field that an error's field means, or None."""
    return next((f.name for f in fields_of(kind) if api_name in (f.api_name, f.name, f.place)), None)


def _at(tree: Any, path: str) -> Any:
    """The value at a dotted path; None where a part of the request is missing."""
    for name in path.split("."):
        tree = getattr(tree, name) if is_dataclass(tree) else None
    return tree


def _whole(value: Any) -> Any:
    """A browser knows one kind of number: 20.0 is 20."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value
