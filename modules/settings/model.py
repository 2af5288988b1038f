"""The settings, typed and in groups. Names of the older UI's options are mapped onto them in `older_options`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_OLDER_METHODS = {"Approx cheap": "Linear", "Approx NN": "Linear"}
"""Ways to make previews that other programs have and this one has not: what comes nearest to them."""

PreviewMethod = Annotated[
    Literal["Linear", "TAESD", "Full"],
    BeforeValidator(lambda value: _OLDER_METHODS.get(value, value) if isinstance(value, str) else value),
]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)


_OLDER_FORMATS = {"jpeg": "jpg", "JPEG": "jpg", "JPG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}

PictureFormat = Annotated[
    Literal["png", "jpg", "webp", "avif"],
    BeforeValidator(lambda value: _OLDER_FORMATS.get(value, value) if isinstance(value, str) else value),
]


class ModelSettings(_Group):
    """Which model is used."""

    checkpoint: str | None = Field(None, description="The checkpoint that makes the pictures.")
    kept: int = Field(1, ge=1, le=100, description="How many checkpoints stay in memory.")
    vae: str = Field("Automatic", description="A VAE; Automatic: one beside the checkpoint; None: its own.")
    compile: bool = Field(
        False,
        description="Compile the U-Net beside the work (torch.compile): the first pictures take their usual time, "
        "later ones less. It pays on graphics cards.",
    )
    sdxl_clip_skip: bool = Field(False, description="SDXL's first text encoder heeds clip skip too.")
    sdxl_crop_top: int = Field(
        0, ge=0, le=8192, description="SDXL is told that so many pixels were cut off at the top."
    )
    sdxl_crop_left: int = Field(
        0, ge=0, le=8192, description="SDXL is told that so many pixels were cut off on the left."
    )
    refiner_high_score: float = Field(
        6.0, ge=0, le=10, description="SDXL refiner: aesthetic score for the prompt."
    )
    refiner_low_score: float = Field(
        2.5, ge=0, le=10, description="SDXL refiner: aesthetic score for the negative prompt."
    )
    clip_skip: int = Field(1, ge=1, le=24, description="Which layer of CLIP to take, counted from the end.")
    emphasis: Literal["Original", "No norm", "Ignore", "None"] = Field(
        "Original",
        description="What (word:1.2) does. No norm: without evening out the rest; Ignore: brackets do nothing; "
        "None: brackets are text.",
    )
    comma_backtrack: int = Field(
        20, ge=0, le=74, description="Tokens that a full chunk looks back for a comma."
    )
    wildcards: bool = Field(True, description="Fill in __name__ and {a|b} in prompts, chosen by the seed.")
    pad_negative: bool = Field(False, description="Pad prompt and negative prompt to the same length.")


class SamplingSettings(_Group):
    """Defaults of the samplers' finer settings."""

    noise_source: Literal["CPU", "NV", "GPU"] = Field(
        "CPU",
        description="Where seeds become noise. CPU and NV (as on Nvidia cards) are the same everywhere.",
    )
    seed_delta: int = Field(0, ge=0, description="ENSD: eta noise seed delta.")
    eta_ancestral: float = Field(
        1.0,
        ge=0,
        le=10,
        description='Share of new noise in each step of the samplers whose names end in "a".',
    )
    s_churn: float = Field(0.0, ge=0, description="Noise that is added within steps of Euler, Heun and DPM2.")
    s_tmin: float = Field(0.0, ge=0, description="s_churn acts from this sigma upwards.")
    s_tmax: float = Field(0.0, ge=0, description="s_churn acts up to this sigma; 0: without an end.")
    s_noise: float = Field(1.0, ge=0, description="Strength of the noise that samplers add on their way.")
    skip_negative_below: float = Field(0.0, ge=0, description="NGMS: negative guidance minimum sigma.")
    skip_negative_always: bool = Field(False, description="NGMS in every step, not in every other.")
    skip_negative_early: float = Field(
        0.0, ge=0, le=1, description="Share of the steps without negative prompt."
    )
    sigma_min: float = Field(0.0, ge=0, description="Other lower end of the schedule; 0: its own.")
    sigma_max: float = Field(0.0, ge=0, description="Other upper end of the schedule; 0: its own.")
    rho: float = Field(0.0, ge=0, description="Other bend of Karras' schedule; 0: its own.")
    tiling: bool = Field(False, description="Make pictures whose edges fit together.")
    always_discard_next_to_last_sigma: bool = Field(
        False, description="Leave out the last but one sigma with every sampler, not only where it is usual."
    )
    sgm_noise_multiplier: bool = Field(
        False, description="Begin with slightly stronger noise, as the SDXL reference program does."
    )
    custom_sigmas: str = Field(
        "", description="Falling sigmas in the place of the schedule: 14.6, 5, 2, 1, 0.1."
    )
    noise_schedule: Literal["Default", "Zero Terminal SNR"] = Field(
        "Default", description="Zero Terminal SNR: begin with pure noise, for models that were trained so."
    )
    cfg_rescale: float = Field(0.0, ge=0, le=1, description="CFG rescale (phi); 0: off.")
    threshold_percentile: float = Field(0.0, ge=0, le=1, description="Dynamic thresholding; 0: off.")
    threshold_mimic_scale: float = Field(0.0, ge=0, le=100, description="The CFG scale whose range it keeps.")


class PictureSettings(_Group):
    """Pictures from pictures."""

    mask_weight: float = Field(
        1.0, ge=0, le=1, description="How surely inpainting models don't see the mask."
    )
    noise_multiplier: float = Field(1.0, ge=0, le=10, description="The starting noise is so much stronger.")
    extra_noise: float = Field(0.0, ge=0, le=10, description="More noise on the picture, as a share.")
    colour_correction: bool = Field(False, description="Give results the colours of the picture.")
    exact_steps: bool = Field(False, description="Do just as many steps as the slider says.")
    background: str = Field("#ffffff", description="What is under transparent parts.")
    overlay: bool = Field(True, description="Put what is not masked back over the result, unchanged.")


class UpscalingSettings(_Group):
    """How pictures go through upscalers from files."""

    tile: int = Field(192, ge=0, le=4096, description="Pixels a side of a tile; 0: the picture is one.")
    tile_overlap: int = Field(8, ge=0, le=512, description="Least number of pixels that tiles share.")


class FaceSettings(_Group):
    """Faces in finished pictures."""

    restore: bool = Field(False, description="Restore the faces of every picture that is made.")
    restorer: Literal["CodeFormer", "GFPGAN"] = Field(
        "CodeFormer", description="The model that does it, from a file in models/Codeformer or models/GFPGAN."
    )
    weight: float = Field(
        0.5, ge=0, le=1, description="CodeFormer: 0 takes most liberties, 1 stays closest to the picture."
    )


class SavingSettings(_Group):
    """How pictures are kept."""

    save: bool = Field(True, description="Keep every picture in the outputs folder.")
    format: PictureFormat = Field(
        "png",
        description="PNG keeps every pixel; the others make smaller files. All of them hold the recipe.",
    )
    quality: int = Field(80, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    lossless: bool = Field(False, description="WebP and AVIF keep every pixel.")
    recipe: bool = Field(True, description="Write the recipe into the file.")
    text_file: bool = Field(False, description="Write the recipe into a text file beside it, too.")
    numbered: bool = Field(True, description="Names begin with a number that counts up in each folder.")
    name: str = Field(
        "",
        max_length=400,
        description="The pattern of names, such as [seed]-[prompt_spaces]. Empty: [seed], and the prompt where "
        "there are no folders.",
    )
    folders: bool = Field(True, description="Put pictures into folders by the pattern below.")
    folder: str = Field(
        "[date]", max_length=400, description="The pattern of folders, such as [date] or [model_name]/[date]."
    )
    words: int = Field(8, ge=1, le=20, description="How many words of the prompt [prompt_words] takes.")
    grids: bool = Field(False, description="Keep a sheet of all pictures of a job besides.")
    grid_format: PictureFormat = Field("png", description="The format of sheets.")
    grid_rows: int = Field(
        -1, ge=-1, le=100, description="-1: as square as can be; 0: as many as a batch has pictures."
    )
    grid_background: str = Field("#ffffff", max_length=40, description="The colour between pictures.")
    grids_in_answers: bool = Field(True, description="API: put a grid before several pictures.")


class PreviewSettings(_Group):
    """The picture that is shown while it is made."""

    enabled: bool = Field(True, description="Show how a picture comes along.")
    every_steps: int = Field(1, ge=1, le=100, description="Make a preview every so many steps.")
    every_seconds: float = Field(
        0.25, ge=0, le=60, description="Least time between two previews, in seconds."
    )
    method: PreviewMethod = Field("Linear", description="How latents become a preview.")


class ApiSettings(_Group):
    """What programs may ask for."""

    fetch_pictures: bool = Field(True, description="Requests may name a picture by its address on the web.")
    forbid_local: bool = Field(True, description="But none on this machine or in the network around it.")
    user_agent: str = Field("", description="How Easel calls itself to other servers.")


class PageSettings(_Group):
    """The page itself."""

    localization: str = Field(
        "None",
        description="The language of the page, from extensions or the folder localizations. Load it anew.",
    )


class ExtensionSettings(_Group):
    """Which extensions are on, and their own settings."""

    disable: Literal["none", "extra", "all"] = Field(
        "none", description="extra: all but those that came along."
    )
    disabled: tuple[str, ...] = Field(
        (), description="Extensions that are off, by the names of their folders."
    )
    enabled: tuple[str, ...] = Field((), description="Extensions that are on though they are off by nature.")
    values: dict[str, dict[str, Any]] = Field({}, description="Each extension's own settings.")


class Settings(_Group):
    """All settings. Immutable: a change makes a new object (see `SettingsStore`)."""

    model: ModelSettings = ModelSettings()
    sampling: SamplingSettings = SamplingSettings()
    picture: PictureSettings = PictureSettings()
    upscaling: UpscalingSettings = UpscalingSettings()
    faces: FaceSettings = FaceSettings()
    saving: SavingSettings = SavingSettings()
    previews: PreviewSettings = PreviewSettings()
    api: ApiSettings = ApiSettings()
    page: PageSettings = PageSettings()
    extensions: ExtensionSettings = ExtensionSettings()
