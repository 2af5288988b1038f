"""What can be asked of the program: immutable, validated when made.

The page makes a request from its components, the API from JSON, the queue from SQLite, "read generation data" from
an infotext. Nothing below this floor asks where it came from.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from modules.faults import InvalidField
from modules.generation.options import (
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    RANDOM_SEED,
    FaceOptions,
    NoiseOptions,
    SamplingOptions,
    TextOptions,
    check_choice,
    check_number,
    check_text,
)
from modules.generation.saving import SavingOptions
from modules.generation.upscaling import UpscalePicture
from modules.imaging.frame import OutpaintFrame

MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
MASKED_CONTENTS: tuple[MaskedContent, ...] = ("fill", "original", "latent noise", "latent nothing")
RESIZE_MODES = ("Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)")
MAX_INIT_IMAGES = 1000
SEEDS = 4_294_967_294
"""Random seeds are below this."""

_R = TypeVar("_R", bound="PictureRequest")


def new_seed() -> int:
    """A random seed, 0 to 4,294,967,293."""
    return secrets.randbelow(SEEDS)


@dataclass(frozen=True, kw_only=True)
class Refiner:
    """Another checkpoint that takes over within a pass.

    Args: switch_at: from which share of the noise's timesteps on, 0 to 1; 1: never.
    """

    checkpoint: str
    switch_at: float = 0.8

    def __post_init__(self) -> None:
        check_text("refiner_checkpoint", "The refiner", self.checkpoint)
        check_number("refiner_switch_at", "Refiner switch at", self.switch_at, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ScriptCall:
    """A script that carries the request out in its own way.

    Args:
        name: its title, as menus and the API know it.
        values: JSON values of its controls, by their names.
        seed: what the seeds that it draws come from, so that it draws the same when it is done again; drawn itself
            when submitted.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """What every request for pictures says.

    Args:
        seed: the first picture's; each further one has one more. -1 is replaced by a random seed when submitted, and
            where there is a script, by the script.
        sampler, scheduler: names as the API knows them; "Automatic" is the sampler's own schedule.
        width, height: in pixels, 8 to 8192.
        batch_size: pictures made at the same time; batch_count: how often.
        tiling: make pictures whose edges fit together.
        checkpoint: title, name or hash of the model, or None for the one that is chosen in the settings.
        vae: name of a VAE, "Automatic" (one beside the checkpoint, else its own) or "None" (its own).
        refiner: another checkpoint for the last part of the last pass, or None.
        save: keep the pictures under `outputs/`; saving: how.
        prompts, negative_prompts: those of each picture, in turns; none: all have the same.
        seeds, variation_seeds: those of each picture, where they do not simply count up from the first one's. Fewer
            than there are pictures are used in turns; more are not heeded.
        script: what carries the request out in another way; None: nothing does.
        extensions: values of extensions' controls: `{extension: {control: JSON value}}`.
    """

    prompt: str = ""
    negative_prompt: str = ""
    seed: int = RANDOM_SEED
    steps: int = 20
    sampler: str = "DPM++ 2M"
    scheduler: str = "Automatic"
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    batch_size: int = 1
    batch_count: int = 1
    tiling: bool = False
    checkpoint: str | None = None
    vae: str = "Automatic"
    refiner: Refiner | None = None
    save: bool = True
    prompts: tuple[str, ...] = ()
    negative_prompts: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    variation_seeds: tuple[int, ...] = ()
    script: ScriptCall | None = None
    extensions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    text: TextOptions = field(default_factory=TextOptions)
    faces: FaceOptions = field(default_factory=FaceOptions)
    saving: SavingOptions = field(default_factory=SavingOptions)

    def __post_init__(self) -> None:
        check_text("prompt", "The prompt", self.prompt)
        check_text("negative_prompt", "The negative prompt", self.negative_prompt)
        for text in self.prompts:
            check_text("prompt", "A picture's prompt", text)
        for text in self.negative_prompts:
            check_text("negative_prompt", "A picture's negative prompt", text)
        check_number("seed", "Seed", self.seed, -1, MAX_SEED, whole=True)
        check_number("steps", "Steps", self.steps, 1, MAX_STEPS, whole=True)
        check_number("cfg_scale", "CFG scale", self.cfg_scale, 0, 100)
        check_number("width", "Width", self.width, 8, MAX_SIDE, whole=True)
        check_number("height", "Height", self.height, 8, MAX_SIDE, whole=True)
        check_number("batch_size", "Batch size", self.batch_size, 1, 64, whole=True)
        check_number("n_iter", "Batch count", self.batch_count, 1, 1000, whole=True)
        for seed in self.seeds:
            check_number("seeds", "Each of the seeds", seed, 0, MAX_SEED, whole=True)
        for seed in self.variation_seeds:
            check_number("variation_seeds", "Each of the variation seeds", seed, 0, MAX_SEED, whole=True)
        if self.tiling and self.sampling.windowed:
            raise InvalidField(
                "tiling", "Tiling does not go with windows: each would fit to itself. Switch one of them off."
            )

    @property
    def pictures(self) -> int:
        """How many pictures are asked for."""
        return self.batch_size * self.batch_count

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the kept pictures that the request needs (see `imaging.inputs`)."""
        return ()

    def with_seeds(self: _R, draw: Callable[[], int] = new_seed) -> _R:
        """The same request with random seeds drawn, so that it can be repeated."""
        noise = self.noise
        if noise.variation_seed == RANDOM_SEED:
            noise = replace(noise, variation_seed=draw())
        return replace(self, seed=draw() if self.seed == RANDOM_SEED else self.seed, noise=noise)

    def prompt_of(self, picture: int) -> str:
        """The prompt of picture `picture` (from 0), as it is written."""
        return self.prompts[picture % len(self.prompts)] if self.prompts else self.prompt

    def negative_prompt_of(self, picture: int) -> str:
        """The negative prompt of picture `picture` (from 0), as it is written."""
        negatives = self.negative_prompts
        return negatives[picture % len(negatives)] if negatives else self.negative_prompt

    def seed_of(self, picture: int) -> int:
        """The seed of picture `picture` (from 0): one more each, unless variations of one seed are asked for."""
        if self.seeds:
            return self.seeds[picture % len(self.seeds)]
        return self.seed if self.noise.variation_strength > 0 else self.seed + picture

    def variation_seed_of(self, picture: int) -> int:
        """The variation seed of picture `picture` (from 0)."""
        if self.variation_seeds:
            return self.variation_seeds[picture % len(self.variation_seeds)]
        return self.noise.variation_seed + picture


@dataclass(frozen=True, kw_only=True)
class HiresFix:
    """A second pass that makes the picture larger and adds detail.

    Args:
        scale: how much larger; not heeded where `width` or `height` say the size.
        width, height: the size to reach; one of them 0: the other's ratio; both: what sticks out is cut off.
        upscaler: one of the latent modes ("Latent", ...) or a picture upscaler ("Lanczos", a file's name, ...).
        steps: of the second pass; 0: as many as the first.
        denoising_strength: how much the second pass may change, 0 to 1.
        sampler, scheduler, prompt, negative_prompt, checkpoint, cfg_scale: those of the second pass where they differ.
    """

    scale: float = 2.0
    width: int = 0
    height: int = 0
    upscaler: str = "Latent"
    steps: int = 0
    denoising_strength: float = 0.7
    sampler: str | None = None
    scheduler: str | None = None
    prompt: str = ""
    negative_prompt: str = ""
    checkpoint: str | None = None
    cfg_scale: float | None = None

    def __post_init__(self) -> None:
        check_number("hr_scale", "Upscale by", self.scale, 1, 8)
        check_number("hr_resize_x", "Resize width to", self.width, 0, MAX_SIDE, whole=True)
        check_number("hr_resize_y", "Resize height to", self.height, 0, MAX_SIDE, whole=True)
        check_number("hr_second_pass_steps", "Hires steps", self.steps, 0, MAX_STEPS, whole=True)
        check_number("denoising_strength", "Denoising strength", self.denoising_strength, 0, 1)
        check_text("hr_prompt", "The hires prompt", self.prompt)
        check_text("hr_negative_prompt", "The hires negative prompt", self.negative_prompt)
        if self.cfg_scale is not None:
            check_number("hr_cfg", "Hires CFG scale", self.cfg_scale, 0, 100)


@dataclass(frozen=True, kw_only=True)
class TextToImage(PictureRequest):
    """Pictures from a prompt.

    Args:
        hires: a second, larger pass, or None.
        first_pass: name of a finished picture (see `imaging.inputs`) that stands for the first pass of hires fix.
    """

    hires: HiresFix | None = None
    first_pass: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """See `PictureRequest`."""
        return () if self.first_pass is None else (self.first_pass,)


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Which part of a picture is made anew.

    Args:
        image: name of the mask (see `imaging.inputs`): white is made anew. None: the frame of an outpainting is all.
        images: names of a mask for each of several pictures, in turns; they take the place of `image`.
        blur_x, blur_y: the mask's blur in pixels.
        invert: black is made anew.
        content: what is under the mask to begin with.
        only_masked: make only the masked part, at the full size, and put it back.
        padding: pixels around it that are seen then.
        soft: shades of the mask are shades of change, and not rounded.
    """

    image: str | None = None
    images: tuple[str, ...] = ()
    blur_x: int = 4
    blur_y: int = 4
    invert: bool = False
    content: MaskedContent = "original"
    only_masked: bool = False
    padding: int = 32
    soft: bool = False

    def __post_init__(self) -> None:
        check_number("mask_blur_x", "Mask blur", self.blur_x, 0, 256, whole=True)
        check_number("mask_blur_y", "Mask blur", self.blur_y, 0, 256, whole=True)
        check_number("inpaint_full_res_padding", "Padding", self.padding, 0, 1024, whole=True)
        check_choice("inpainting_fill", "Masked content", self.content, MASKED_CONTENTS)

    def image_of(self, picture: int) -> str | None:
        """The name of the mask of picture `picture` (from 0)."""
        return self.images[picture % len(self.images)] if self.images else self.image


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """The finer settings of a request that begins with a picture.

    Args:
        noise_multiplier: the starting noise is so much stronger.
        extra_noise: more noise on the picture, as a share.
        exact_steps: do as many steps as are asked for, and not the share that the strength leaves.
        colour_correction: give the result the picture's colours.
        background: what is under transparent parts, "#rrggbb".
        mask_weight: how surely an inpainting model doesn't see what is under the mask, 0 to 1.
        overlay: put the untouched part of the original picture over the result.
    """

    noise_multiplier: float = 1.0
    extra_noise: float = 0.0
    exact_steps: bool = False
    colour_correction: bool = False
    background: str = "#ffffff"
    mask_weight: float = 1.0
    overlay: bool = True

    def __post_init__(self) -> None:
        check_number("initial_noise_multiplier", "Noise multiplier", self.noise_multiplier, 0, 10)
        check_number("img2img_extra_noise", "Extra noise", self.extra_noise, 0, 10)
        check_number("inpainting_mask_weight", "Conditional mask weight", self.mask_weight, 0, 1)
        check_text("img2img_background_color", "Background", self.background)


@dataclass(frozen=True, kw_only=True)
class ImageToImage(PictureRequest):
    """Pictures from pictures: a whole one, a masked part (inpainting), or beyond its borders (outpainting).

    Args:
        init_images: names of the pictures (see `imaging.inputs`): each makes a picture, in turns.
        denoising_strength: how much may change, 0 to 1.
        resize_mode: index into `RESIZE_MODES`.
        image_cfg_scale: how strongly an editing model follows the picture; None: 1.5.
        mask: the part that is made anew; None: all of it.
        frame: pixels that are added around the picture, which is then inpainted; None: none.
    """

    init_images: tuple[str, ...] = ()
    denoising_strength: float = 0.75
    resize_mode: int = 0
    image_cfg_scale: float | None = None
    mask: Mask | None = None
    frame: OutpaintFrame | None = None
    picture: PictureOptions = field(default_factory=PictureOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.init_images) <= MAX_INIT_IMAGES:
            raise InvalidField("init_images", f"Give 1 to {MAX_INIT_IMAGES} pictures to begin with.")
        check_number("denoising_strength", "Denoising strength", self.denoising_strength, 0, 1)
        check_number("resize_mode", "Resize mode", self.resize_mode, 0, len(RESIZE_MODES) - 1, whole=True)
        if self.image_cfg_scale is not None:
            check_number("image_cfg_scale", "Image CFG scale", self.image_cfg_scale, 0, 100)

    @property
    def inputs(self) -> tuple[str, ...]:
        """See `PictureRequest`."""
        if self.mask is None:
            return self.init_images
        masks = self.mask.images or (() if self.mask.image is None else (self.mask.image,))
        return (*self.init_images, *masks)

    def init_image_of(self, picture: int) -> str:
        """The name of the picture that picture `picture` (from 0) begins with."""
        return self.init_images[picture % len(self.init_images)]


GenerationRequest = TextToImage | ImageToImage
"""What a checkpoint is needed for."""
Request = TextToImage | ImageToImage | UpscalePicture
"""Anything that the queue takes."""
