"""The fields of the tabs that make pictures, in one table: each by its name, its place in a request, and its HTML id.

The tabs share one form. What is the same for all (prompts, sampler, steps, ...) is one field; what has a value of its
own for a kind of request (a size, a strength) is a field of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["txt2img", "img2img", "inpaint", "outpaint"]
"""What a tab asks for: its name on the page, `tab_<kind>` its HTML id."""
KINDS: tuple[Kind, ...] = ("txt2img", "img2img", "inpaint", "outpaint")

_TEXT: tuple[Kind, ...] = ("txt2img",)
_PICTURES: tuple[Kind, ...] = ("img2img", "inpaint", "outpaint")
_SIZED: tuple[Kind, ...] = ("img2img", "inpaint")
_INPAINT: tuple[Kind, ...] = ("inpaint",)
_OUTPAINT: tuple[Kind, ...] = ("outpaint",)

ADVANCED = "txt2img_advanced"
HIRES_MORE = "txt2img_hr_more"
LATENT_UPSCALERS = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)
"""The names in `generation.hires`, which would bring torch with it."""
SAME = "As above"
BY_SETTINGS = "As in the settings"
NO_REFINER = "None"
NO_SCRIPT = "None"


@dataclass(frozen=True)
class Field:
    """One field.

    Args:
        name: of its value on the page.
        elem_id: the HTML id of its component.
        api: its name in the API, which errors use.
        kinds: of the requests that have it.
        path: its path in the request, where that is not the name.
        optional: may be left empty; the settings, the sampler or the request's default decide then.
        slider: ends and step of the slider beside the number; values beyond the ends can be typed.
        choices: what a person chooses from, and what the request says then.
        start: the value to begin with, where it is not the request's.
        blank: a value of the request that is shown as an empty field.
        fold: the HTML id of the part that unfolds and holds it; it is not on the page before that.
    """

    name: str
    label: str
    elem_id: str
    api: str = ""
    kinds: tuple[Kind, ...] = KINDS
    path: str = ""
    optional: bool = False
    slider: tuple[float, float, float] | None = None
    choices: tuple[tuple[str, Any], ...] = ()
    start: Any = None
    blank: Any = None
    fold: str = ""

    @property
    def api_name(self) -> str:
        """The field's name in the API."""
        return self.api or self.name

    @property
    def place(self) -> str:
        """Its path in the request."""
        return self.path or self.name

    def facts(self) -> dict[str, Any]:
        """What the scripts need to know."""
        return {
            "name": self.name,
            "id": self.elem_id,
            "api": self.api_name,
            "label": self.label,
            "slider": self.slider,
            "kinds": self.kinds,
            "path": self.place,
            "choices": self.choices,
            "blank": self.blank,
            "fold": self.fold,
        }


_STRENGTH = (0.0, 1.0, 0.01)

FIELDS: tuple[Field, ...] = (
    Field("prompt", "Prompt", "txt2img_prompt"),
    Field("negative_prompt", "Negative prompt", "txt2img_neg_prompt"),
    Field("sampler", "Sampler", "txt2img_sampling", "sampler_name"),
    Field("scheduler", "Schedule", "txt2img_scheduler"),
    Field("steps", "Steps", "txt2img_steps", slider=(1, 60, 1)),
    Field("cfg_scale", "CFG scale", "txt2img_cfg_scale", slider=(1, 20, 0.5)),
    Field("seed", "Seed", "txt2img_seed"),
    Field("batch_count", "Batch count", "txt2img_batch_count", "n_iter"),
    Field("batch_size", "Batch size", "txt2img_batch_size"),
    Field(
        "script", "Script", "script_list", "script_name", path="script.name", optional=True, start=NO_SCRIPT
    ),
    Field(
        "text.clip_skip",
        "Clip skip",
        "txt2img_clip_skip",
        "CLIP_stop_at_last_layers",
        optional=True,
        fold=ADVANCED,
    ),
    Field("sampling.eta", "Eta", "txt2img_eta", "eta", optional=True, fold=ADVANCED),
    Field("noise.variation_seed", "Variation seed", "txt2img_subseed", "subseed", fold=ADVANCED),
    Field(
        "noise.variation_strength",
        "Variation strength",
        "txt2img_subseed_strength",
        "subseed_strength",
        slider=_STRENGTH,
        fold=ADVANCED,
    ),
    Field(
        "noise.resize_from_width",
        "Seed from width",
        "txt2img_seed_resize_from_w",
        "seed_resize_from_w",
        fold=ADVANCED,
    ),
    Field(
        "noise.resize_from_height",
        "Seed from height",
        "txt2img_seed_resize_from_h",
        "seed_resize_from_h",
        fold=ADVANCED,
    ),
    Field("vae", "VAE", "txt2img_vae", optional=True, start=BY_SETTINGS, fold=ADVANCED),
    Field(
        "refiner.checkpoint",
        "Refiner",
        "txt2img_refiner_checkpoint",
        "refiner_checkpoint",
        optional=True,
        start=NO_REFINER,
        fold=ADVANCED,
    ),
    Field(
        "refiner.switch_at",
        "Switch at",
        "txt2img_refiner_switch_at",
        "refiner_switch_at",
        start=0.8,
        fold=ADVANCED,
    ),
    # A text alone: the size, and the second pass.
    Field("width", "Width", "txt2img_width", kinds=_TEXT),
    Field("height", "Height", "txt2img_height", kinds=_TEXT),
    Field("hires.upscaler", "Upscaler", "txt2img_hr_upscaler", "hr_upscaler", _TEXT),
    Field("hires.scale", "Upscale by", "txt2img_hr_scale", "hr_scale", _TEXT, slider=(1, 4, 0.05)),
    Field(
        "hires.width",
        "or to width",
        "txt2img_hr_resize_x",
        "hr_resize_x",
        _TEXT,
        optional=True,
        blank=0,
    ),
    Field(
        "hires.height",
        "and height",
        "txt2img_hr_resize_y",
        "hr_resize_y",
        _TEXT,
        optional=True,
        blank=0,
    ),
    Field(
        "hires.denoising_strength",
        "Denoising strength",
        "txt2img_denoising_strength",
        "denoising_strength",
        _TEXT,
        slider=_STRENGTH,
    ),
    Field(
        "hires.steps",
        "Steps",
        "txt2img_hires_steps",
        "hr_second_pass_steps",
        _TEXT,
        optional=True,
        blank=0,
        fold=HIRES_MORE,
    ),
    Field("hires.cfg_scale", "CFG scale", "txt2img_hr_cfg", "hr_cfg", _TEXT, optional=True, fold=HIRES_MORE),
    Field(
        "hires.sampler",
        "Sampler",
        "txt2img_hr_sampling",
        "hr_sampler_name",
        _TEXT,
        optional=True,
        start=SAME,
        fold=HIRES_MORE,
    ),
    Field(
        "hires.scheduler",
        "Schedule",
        "txt2img_hr_scheduler",
        "hr_scheduler",
        _TEXT,
        optional=True,
        start=SAME,
        fold=HIRES_MORE,
    ),
    Field(
        "hires.checkpoint",
        "Checkpoint",
        "txt2img_hr_checkpoint",
        "hr_checkpoint_name",
        _TEXT,
        optional=True,
        start=SAME,
        fold=HIRES_MORE,
    ),
    Field(
        "hires.prompt",
        "Prompt",
        "txt2img_hires_prompt",
        "hr_prompt",
        _TEXT,
        optional=True,
        start="",
        fold=HIRES_MORE,
    ),
    Field(
        "hires.negative_prompt",
        "Negative prompt",
        "txt2img_hires_neg_prompt",
        "hr_negative_prompt",
        _TEXT,
        optional=True,
        start="",
        fold=HIRES_MORE,
    ),
    # A picture to begin with.
    Field(
        "denoising_strength",
        "Denoising strength",
        "img2img_denoising_strength",
        kinds=_SIZED,
        slider=_STRENGTH,
    ),
    Field(
        "outpaint.denoising_strength",
        "Denoising strength",
        "outpaint_denoising_strength",
        "denoising_strength",
        _OUTPAINT,
        "denoising_strength",
        slider=_STRENGTH,
        start=0.9,
    ),
    Field("picture.width", "Width", "img2img_width", "width", _SIZED, "width"),
    Field("picture.height", "Height", "img2img_height", "height", _SIZED, "height"),
    Field(
        "resize_mode",
        "If the shape differs",
        "img2img_resize_mode",
        kinds=_SIZED,
        choices=(("Stretch", 0), ("Crop", 1), ("Fill", 2), ("Latent", 3)),
    ),
    Field(
        "mask.invert",
        "Redraw",
        "img2img_mask_mode",
        "inpainting_mask_invert",
        _INPAINT,
        choices=(("What is masked", False), ("What is not masked", True)),
    ),
    Field(
        "mask.only_masked",
        "Area",
        "img2img_inpaint_full_res",
        "inpaint_full_res",
        _INPAINT,
        choices=(("Whole picture", False), ("Only masked", True)),
    ),
    Field(
        "mask.content",
        "Masked content to begin with",
        "img2img_inpainting_fill",
        "inpainting_fill",
        _INPAINT,
        choices=(
            ("The picture", "original"),
            ("Colours around it", "fill"),
            ("Latent noise", "latent noise"),
            ("Latent nothing", "latent nothing"),
        ),
    ),
    Field(
        "mask.blur",
        "Mask blur",
        "img2img_mask_blur",
        "mask_blur_x",
        _INPAINT,
        "mask.blur_x",
        slider=(0, 64, 1),
    ),
    Field(
        "mask.padding",
        "Padding around it",
        "img2img_inpaint_full_res_padding",
        "inpaint_full_res_padding",
        _INPAINT,
        slider=(0, 256, 4),
    ),
    Field("mask.soft", "Soft inpainting", "img2img_soft_inpainting", "soft_inpainting", _INPAINT),
    Field(
        "picture.mask_weight",
        "Conditional mask strength",
        "img2img_mask_weight",
        "inpainting_mask_weight",
        ("inpaint", "outpaint"),
        optional=True,
        fold=ADVANCED,
    ),
    Field(
        "image_cfg_scale",
        "Image CFG scale",
        "img2img_image_cfg_scale",
        kinds=_PICTURES,
        optional=True,
        fold=ADVANCED,
    ),
)
FIELD = {field.name: field for field in FIELDS}

HIRES = "hires.enabled"
"""The switch of the second pass: a value of the page with no place in a request."""
HIRES_ID = "txt2img_enable_hr"


def fields_of(kind: Kind) -> tuple[Field, ...]:
    """The fields that requests of a kind have."""
    return tuple(field for field in FIELDS if kind in field.kinds)
