"""`modules.api.models` of the older UI: the bodies of requests and answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Generation(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] | None = None
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    eta: float | None = None
    denoising_strength: float | None = None
    s_min_uncond: float | None = None
    s_churn: float | None = None
    s_tmax: float | None = None
    s_tmin: float | None = None
    s_noise: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    disable_extra_networks: bool = False
    firstpass_image: str | None = None
    comments: dict[str, Any] | None = None
    sampler_index: str = "Euler"
    script_name: str | None = None
    script_args: list[Any] = []
    send_images: bool = True
    save_images: bool = False
    alwayson_scripts: dict[str, Any] = {}
    force_task_id: str | None = None
    infotext: str | None = None


class StableDiffusionTxt2ImgProcessingAPI(_Generation):
    """The body of txt2img."""

    enable_hr: bool = False
    firstphase_width: int = 0
    firstphase_height: int = 0
    hr_scale: float = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""


class StableDiffusionImg2ImgProcessingAPI(_Generation):
    """The body of img2img."""

    init_images: list[Any] | None = None
    denoising_strength: float | None = 0.75
    resize_mode: int = 0
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_blur: int | None = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    latent_mask: str | None = None
    include_init_images: bool = False


class TextToImageResponse(BaseModel):
    """The answer of txt2img."""

    images: list[str] | None = None
    parameters: dict[str, Any]
    info: str


class ImageToImageResponse(TextToImageResponse):
    """The answer of img2img."""


class ExtrasBaseRequest(BaseModel):
    """What requests to make pictures larger share."""

    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: float = 0
    codeformer_visibility: float = 0
    codeformer_weight: float = 0
    upscaling_resize: float = 2
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0
    upscale_first: bool = False


class ExtraBaseResponse(BaseModel):
    """What their answers share."""

    html_info: str = ""


class ExtrasSingleImageRequest(ExtrasBaseRequest):
    """Make one picture larger."""

    image: str = ""


class ExtrasSingleImageResponse(ExtraBaseResponse):
    """The picture."""

    image: str | None = None


class FileData(BaseModel):
    """A file. Args: data: base64."""

    data: str
    name: str


class ExtrasBatchImagesRequest(ExtrasBaseRequest):
    """Make several pictures larger."""

    imageList: list[FileData]


class ExtrasBatchImagesResponse(ExtraBaseResponse):
    """The pictures."""

    images: list[str]


class PNGInfoRequest(BaseModel):
    """Ask for the recipe of a picture."""

    image: str


class PNGInfoResponse(BaseModel):
    """The recipe."""

    info: str
    items: dict[str, Any]
    parameters: dict[str, Any]


class ProgressRequest(BaseModel):
    """Ask how far a job is."""

    skip_current_image: bool = False


class ProgressResponse(BaseModel):
    """How far it is."""

    progress: float
    eta_relative: float
    state: dict[str, Any]
    current_image: str | None = None
    textinfo: str | None = None


class InterrogateRequest(BaseModel):
    """Ask for words that describe a picture."""

    image: str = ""
    model: str = "clip"


class InterrogateResponse(BaseModel):
    """The words."""

    caption: str | None = None


class TrainResponse(BaseModel):
    """What training says."""

    info: str


class CreateResponse(BaseModel):
    """What making a file says."""

    info: str


class SamplerItem(BaseModel):
    """A sampler."""

    name: str
    aliases: list[str]
    options: dict[str, Any]


class SchedulerItem(BaseModel):
    """A schedule."""

    name: str
    label: str
    aliases: list[str] | None = None
    default_rho: float | None = None
    need_inner_model: bool | None = None


class UpscalerItem(BaseModel):
    """An upscaler."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    model_name: str | None = None
    model_path: str | None = None
    model_url: str | None = None
    scale: float | None = None


class SDModelItem(BaseModel):
    """A checkpoint."""

    model_config = ConfigDict(protected_namespaces=())

    title: str
    model_name: str
    hash: str | None = None
    sha256: str | None = None
    filename: str
    config: str | None = None


class SDVaeItem(BaseModel):
    """A VAE."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    filename: str


class PromptStyleItem(BaseModel):
    """A style."""

    name: str
    prompt: str | None = None
    negative_prompt: str | None = None


class ScriptsList(BaseModel):
    """The scripts' names."""

    txt2img: list[Any] | None = None
    img2img: list[Any] | None = None


class ScriptArg(BaseModel):
    """A control of a script."""

    label: str | None = None
    value: Any | None = None
    minimum: Any | None = None
    maximum: Any | None = None
    step: Any | None = None
    choices: list[str] | None = None


class ScriptInfo(BaseModel):
    """A script."""

    name: str | None = None
    is_alwayson: bool | None = None
    is_img2img: bool | None = None
    args: list[ScriptArg]
