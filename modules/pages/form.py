"""The form of "Text to image" and the request that it describes: each field by its name, in one table.

A field's name is its path in the request (`"noise.variation_strength"`), so both ways are one rule:
`to_request(from_request(request), settings) == request` for all that the form shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from modules.faults import InvalidField
from modules.generation.from_settings import noise_options, sampling_options, text_options
from modules.generation.requests import TextToImage
from modules.settings.model import Settings


@dataclass(frozen=True)
class Field:
    """One field.

    Args:
        name: its path in the request.
        elem_id: the HTML id of its component.
        api: its name in the API, which errors use.
        optional: may be left empty; the settings or the sampler decide then.
        slider: ends and step of the slider beside the number; values beyond the ends can be typed.
    """

    name: str
    label: str
    elem_id: str
    api: str = ""
    optional: bool = False
    slider: tuple[float, float, float] | None = None

    @property
    def api_name(self) -> str:
        """The field's name in the API."""
        return self.api or self.name


FIELDS: tuple[Field, ...] = (
    Field("prompt", "Prompt", "txt2img_prompt"),
    Field("negative_prompt", "Negative prompt", "txt2img_neg_prompt"),
    Field("sampler", "Sampler", "txt2img_sampling", "sampler_name"),
    Field("scheduler", "Schedule", "txt2img_scheduler"),
    Field("steps", "Steps", "txt2img_steps", slider=(1, 60, 1)),
    Field("width", "Width", "txt2img_width"),
    Field("height", "Height", "txt2img_height"),
    Field("cfg_scale", "CFG scale", "txt2img_cfg_scale", slider=(1, 20, 0.5)),
    Field("seed", "Seed", "txt2img_seed"),
    Field("batch_count", "Batch count", "txt2img_batch_count", "n_iter"),
    Field("batch_size", "Batch size", "txt2img_batch_size"),
    Field("text.clip_skip", "Clip skip", "txt2img_clip_skip", "CLIP_stop_at_last_layers", optional=True),
    Field("sampling.eta", "Eta", "txt2img_eta", "eta", optional=True),
    Field("noise.variation_seed", "Variation seed", "txt2img_subseed", "subseed"),
    Field(
        "noise.variation_strength",
        "Variation strength",
        "txt2img_subseed_strength",
        "subseed_strength",
        slider=(0, 1, 0.01),
    ),
    Field("noise.resize_from_width", "Seed from width", "txt2img_seed_resize_from_w", "seed_resize_from_w"),
    Field("noise.resize_from_height", "Seed from height", "txt2img_seed_resize_from_h", "seed_resize_from_h"),
)
FIELD = {field.name: field for field in FIELDS}

Values = Mapping[str, Any]
"""Values of fields by their names."""


def to_request(values: Values, settings: Settings) -> TextToImage:
    """The request that the form's values describe.

    Raises: InvalidField: a field is empty, of the wrong kind, or out of range.
    """
    request = TextToImage(
        save=settings.saving.save,
        tiling=settings.sampling.tiling,
        sampling=sampling_options(settings, str(values.get("sampler"))),
        noise=noise_options(settings),
        text=text_options(settings),
    )
    groups: dict[str, dict[str, Any]] = {"": {}, "sampling": {}, "noise": {}, "text": {}}
    for field in FIELDS:
        if field.name not in values:
            continue
        value = _whole(values[field.name])
        if value is None:
            if field.optional:
                continue
            raise InvalidField(field.api_name, f"{field.label} is empty. Enter a value.")
        group, _, name = field.name.rpartition(".")
        groups[group][name] = value
    return replace(
        request,
        **groups[""],
        sampling=replace(request.sampling, **groups["sampling"]),
        noise=replace(request.noise, **groups["noise"]),
        text=replace(request.text, **groups["text"]),
    )


def from_request(request: TextToImage) -> dict[str, Any]:
    """The values that the form shows for a request."""
    tree = asdict(request)
    values: dict[str, Any] = {}
    for field in FIELDS:
        group, _, name = field.name.rpartition(".")
        values[field.name] = (tree[group] if group else tree)[name]
    return values


def component_of(api_name: str | None) -> str | None:
    """The name of the form's field that an error's field means, or None."""
    return next((field.name for field in FIELDS if api_name in (field.api_name, field.name)), None)


def _whole(value: Any) -> Any:
    """A browser knows one kind of number: 20.0 is 20."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value
