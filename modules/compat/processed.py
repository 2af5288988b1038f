"""What the older UI's `process_images` gives back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modules.compat.processing_objects import StableDiffusionProcessing

_OF_P = (
    "sampler_name",
    "cfg_scale",
    "steps",
    "restore_faces",
    "seed_resize_from_w",
    "seed_resize_from_h",
    "denoising_strength",
    "subseed_strength",
    "extra_generation_params",
    "styles",
    "sd_model_name",
    "sd_model_hash",
    "sd_vae_name",
    "sd_vae_hash",
    "eta",
    "ddim_discretize",
    "s_churn",
    "s_tmin",
    "s_tmax",
    "s_noise",
    "s_min_uncond",
    "sampler_noise_scheduler_override",
    "is_using_inpainting_conditioning",
)
_TOLD = (
    "prompt",
    "all_prompts",
    "negative_prompt",
    "all_negative_prompts",
    "seed",
    "all_seeds",
    "subseed",
    "all_subseeds",
    "subseed_strength",
    "width",
    "height",
    "sampler_name",
    "cfg_scale",
    "steps",
    "batch_size",
    "restore_faces",
    "face_restoration_model",
    "sd_model_name",
    "sd_model_hash",
    "sd_vae_name",
    "sd_vae_hash",
    "seed_resize_from_w",
    "seed_resize_from_h",
    "denoising_strength",
    "extra_generation_params",
    "index_of_first_image",
    "infotexts",
    "styles",
    "job_timestamp",
    "clip_skip",
    "is_using_inpainting_conditioning",
    "version",
)


class Processed:
    """Pictures with what they were made from.

    Args:
        p: what was carried out.
        images_list: PIL pictures; the first `index_of_first_image` of them are grids.
        info: the infotext of the first picture.
        infotexts: an infotext for each picture.
    """

    def __init__(
        self,
        p: StableDiffusionProcessing,
        images_list: list[Any],
        seed: Any = -1,
        info: str = "",
        subseed: Any = None,
        all_prompts: list[str] | None = None,
        all_negative_prompts: list[str] | None = None,
        all_seeds: list[int] | None = None,
        all_subseeds: list[int] | None = None,
        index_of_first_image: int = 0,
        infotexts: list[str] | None = None,
        comments: str = "",
    ) -> None:
        self.images = images_list
        self.extra_images: list[Any] = []
        self.info = info
        self.comments = comments or "".join(f"{comment}\n" for comment in p.comments or {})
        self.index_of_first_image = index_of_first_image
        for name in _OF_P:
            setattr(self, name, getattr(p, name, None))
        self.width, self.height, self.batch_size = p.width, p.height, p.batch_size
        self.image_cfg_scale = getattr(p, "image_cfg_scale", None)
        self.face_restoration_model: str | None = None
        self.job_timestamp = datetime.now().strftime("%Y%m%d%H%M%S")
        request = getattr(p, "easel_request", None)
        self.clip_skip = 1 if request is None else request.text.clip_skip
        self.token_merging_ratio = p.token_merging_ratio
        self.token_merging_ratio_hr = p.token_merging_ratio_hr
        self.prompt = _first(p.prompt)
        self.negative_prompt = _first(p.negative_prompt)
        self.seed = int(_first(p.seed if seed == -1 or seed is None else seed))
        self.subseed = int(_first(p.subseed if subseed is None else subseed))
        self.all_prompts = all_prompts or p.all_prompts or [self.prompt]
        self.all_negative_prompts = all_negative_prompts or p.all_negative_prompts or [self.negative_prompt]
        self.all_seeds = all_seeds or p.all_seeds or [self.seed]
        self.all_subseeds = all_subseeds or p.all_subseeds or [self.subseed]
        self.infotexts = infotexts or [info] * len(images_list)
        self.version = _version()

    def js(self) -> str:
        """What the older API gives as `info`: a JSON object."""
        return json.dumps({name: getattr(self, name) for name in _TOLD}, default=lambda value: None)

    def infotext(self, p: StableDiffusionProcessing, index: int) -> str:
        """The recipe of picture `index` as `p` says it now."""
        from modules.compat.processing_infotext import create_infotext

        return create_infotext(
            p,
            self.all_prompts,
            self.all_seeds,
            self.all_subseeds,
            comments=[],
            position_in_batch=index % self.batch_size,
            iteration=index // self.batch_size,
        )

    def get_token_merging_ratio(self, for_hr: bool = False) -> float:
        """See `StableDiffusionProcessing`."""
        return self.token_merging_ratio_hr if for_hr else self.token_merging_ratio


def _first(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value[0] if value else ""
    return value


def _version() -> str:
    from modules.compat.processing_infotext import program_version

    return program_version()
