"""The bodies of `POST /sdapi/v1/txt2img` and `img2img`: the older UI's fields with their defaults."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from modules.rest.bodies import Number, Whole


class GenerationBody(BaseModel):
    """The fields that both have; null takes the default."""

    model_config = ConfigDict(extra="ignore")

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] = []
    seed: Whole = -1
    subseed: Whole = -1
    subseed_strength: Number = 0
    seed_resize_from_h: Whole = -1
    seed_resize_from_w: Whole = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: Whole = 1
    n_iter: Whole = 1
    steps: Whole = 50
    cfg_scale: Number = 7.0
    width: Whole = 512
    height: Whole = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    eta: Number | None = None
    denoising_strength: Number = 0.75
    s_min_uncond: Number | None = None
    s_churn: Number | None = None
    s_tmax: Number | None = None
    s_tmin: Number | None = None
    s_noise: Number | None = None
    override_settings: dict[str, Any] = {}
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: Number | None = None
    disable_extra_networks: bool = False
    firstpass_image: str | None = None
    comments: dict[str, Any] = {}
    force_task_id: str | None = None
    sampler_index: str = "Euler"
    script_name: str | None = None
    script_args: list[Any] = []
    send_images: bool = True
    save_images: bool = False
    alwayson_scripts: dict[str, Any] = {}
    infotext: str | None = None
    extensions: dict[str, dict[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value is not None}
        return values

    def not_sent_back(self) -> set[str]:
        """Fields that the answer's `parameters` leave out."""
        return set()


class TextToImageBody(GenerationBody):
    """The fields of `POST /sdapi/v1/txt2img`."""

    enable_hr: bool = False
    firstphase_width: Whole = 0
    firstphase_height: Whole = 0
    hr_scale: Number = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: Whole = 0
    hr_resize_x: Whole = 0
    hr_resize_y: Whole = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""


class ImageToImageBody(GenerationBody):
    """The fields of `POST /sdapi/v1/img2img`. Pictures are base64, with or without `data:image/png;base64,`."""

    init_images: list[str] = []
    resize_mode: Whole = 0
    image_cfg_scale: Number | None = None
    mask: str | None = None
    mask_blur_x: Whole = 4
    mask_blur_y: Whole = 4
    mask_blur: Whole | None = None
    mask_round: bool = True
    inpainting_fill: Whole = 0
    inpaint_full_res: bool | int = True
    inpaint_full_res_padding: Whole = 0
    inpainting_mask_invert: Whole | bool = 0
    initial_noise_multiplier: Number | None = None
    latent_mask: str | None = None
    include_init_images: bool = False

    def not_sent_back(self) -> set[str]:
        """The pictures, which the client has."""
        return set() if self.include_init_images else {"init_images", "mask"}
