"""The older UI's `p`: what a generation is made from, as an object that scripts may change.

`processing_requests` makes it from a request and makes a request of it; `processing_run` carries it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modules.compat import house
from modules.faults import InvalidField
from modules.prompts import styles as style_texts

if TYPE_CHECKING:
    from modules.generation.requests import GenerationRequest


@dataclass(repr=False)
class StableDiffusionProcessing:
    """What both kinds of generations say. Names and defaults are those of the older UI.

    `seed`, `subseed`, `prompt` and `negative_prompt` may be lists with a value for each picture.
    """

    sd_model: Any = None
    outpath_samples: str | None = None
    outpath_grids: str | None = None
    prompt: Any = ""
    prompt_for_display: str | None = None
    negative_prompt: Any = ""
    styles: list[str] | None = None
    seed: Any = -1
    subseed: Any = -1
    subseed_strength: float = 0
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    seed_enable_extras: bool = True
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
    extra_generation_params: dict[str, Any] | None = None
    overlay_images: list[Any] | None = None
    eta: float | None = None
    do_not_reload_embeddings: bool = False
    denoising_strength: float | None = None
    ddim_discretize: str | None = None
    s_min_uncond: float | None = None
    s_churn: float | None = None
    s_tmax: float | None = None
    s_tmin: float | None = None
    s_noise: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    sampler_index: Any = None
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    token_merging_ratio: float = 0
    token_merging_ratio_hr: float = 0
    disable_extra_networks: bool = False
    firstpass_image: Any = None

    scripts: Any = field(default=None, init=False)
    script_args: Any = field(default=None, init=False)
    scripts_setup_complete: bool = field(default=False, init=False)
    comments: dict[str, Any] | None = None
    is_using_inpainting_conditioning: bool = field(default=False, init=False)
    paste_to: Any = field(default=None, init=False)
    is_hr_pass: bool = field(default=False, init=False)
    is_api: bool = field(default=False, init=False)
    user: str | None = field(default=None, init=False)
    sampler: Any = field(default=None, init=False)
    sampler_noise_scheduler_override: Any = field(default=None, init=False)
    rng: Any = field(default=None, init=False)
    c: Any = field(default=None, init=False)
    uc: Any = field(default=None, init=False)
    color_corrections: list[Any] | None = field(default=None, init=False)
    mask_for_overlay: Any = field(default=None, init=False)
    latents_after_sampling: list[Any] = field(default_factory=list, init=False)
    pixels_after_sampling: list[Any] = field(default_factory=list, init=False)
    modified_noise: Any = field(default=None, init=False)

    all_prompts: list[str] | None = field(default=None, init=False)
    all_negative_prompts: list[str] | None = field(default=None, init=False)
    all_seeds: list[int] | None = field(default=None, init=False)
    all_subseeds: list[int] | None = field(default=None, init=False)
    iteration: int = field(default=0, init=False)
    batch_index: int = field(default=0, init=False)
    prompts: list[str] | None = field(default=None, init=False)
    negative_prompts: list[str] | None = field(default=None, init=False)
    seeds: list[int] | None = field(default=None, init=False)
    subseeds: list[int] | None = field(default=None, init=False)
    main_prompt: str | None = field(default=None, init=False)
    main_negative_prompt: str | None = field(default=None, init=False)
    extra_network_data: dict[str, Any] | None = field(default=None, init=False)
    step_multiplier: int = field(default=1, init=False)

    sd_model_name: str | None = field(default=None, init=False)
    sd_model_hash: str | None = field(default=None, init=False)
    sd_vae_name: str | None = field(default=None, init=False)
    sd_vae_hash: str | None = field(default=None, init=False)

    easel_request: GenerationRequest | None = field(default=None, init=False)
    """What it was made from, with all that the older UI has no name for."""
    easel_kept: dict[str, str] = field(default_factory=dict, init=False)
    """Pictures that are kept already: digest of the pixels -> name of the kept picture."""

    def __post_init__(self) -> None:
        if self.sampler_index is not None and self.sampler_name is None:
            self.sampler_name = _name_of_sampler(self.sampler_index)
        self.styles = list(self.styles or [])
        self.extra_generation_params = (
            {} if self.extra_generation_params is None else self.extra_generation_params
        )
        self.override_settings = {} if self.override_settings is None else dict(self.override_settings)
        self.comments = {} if self.comments is None else self.comments
        if not self.seed_enable_extras:
            self.subseed, self.subseed_strength = -1, 0
            self.seed_resize_from_h = self.seed_resize_from_w = 0
        self.cached_c = [None, None]
        self.cached_uc = [None, None]

    @property
    def total_pictures(self) -> int:
        """How many pictures are asked for: fewer than the batches hold where there is a list of prompts."""
        wanted = int(self.n_iter) * int(self.batch_size)
        lists = [self.all_prompts] if self.all_prompts else []
        lists += [value for value in (self.prompt,) if isinstance(value, list) and not lists]
        return min([wanted, *map(len, lists)])

    def setup_prompts(self) -> None:
        """Make the lists with a prompt for each picture, styles applied.

        Raises: InvalidField: lists of prompts and negative prompts of different lengths.
        """
        count = int(self.n_iter) * int(self.batch_size)
        prompts, negatives = self.prompt, self.negative_prompt
        if isinstance(prompts, list):
            count = len(prompts)
        elif isinstance(negatives, list):
            count = len(negatives)
        prompts = list(prompts) if isinstance(prompts, list) else [prompts] * count
        negatives = list(negatives) if isinstance(negatives, list) else [negatives] * count
        if len(prompts) != len(negatives):
            raise InvalidField(
                "prompt", f"There are {len(prompts)} prompts and {len(negatives)} negative prompts."
            )
        chosen = chosen_styles(self.styles or [])
        self.all_prompts = [style_texts.apply(text, chosen) for text in prompts]
        self.all_negative_prompts = [style_texts.apply_negative(text, chosen) for text in negatives]
        self.main_prompt = self.all_prompts[0] if self.all_prompts else ""
        self.main_negative_prompt = self.all_negative_prompts[0] if self.all_negative_prompts else ""

    def setup_seeds(self) -> None:
        """Make the lists with a seed for each picture; random ones are drawn first."""
        from modules.compat.processing_helpers import fix_seed

        fix_seed(self)
        count = len(self.all_prompts or []) or int(self.n_iter) * int(self.batch_size)
        one_seed = self.subseed_strength != 0
        if isinstance(self.seed, list):
            self.all_seeds = [int(seed) for seed in self.seed]
        else:
            self.all_seeds = [int(self.seed) + (0 if one_seed else n) for n in range(count)]
        if isinstance(self.subseed, list):
            self.all_subseeds = [int(seed) for seed in self.subseed]
        else:
            self.all_subseeds = [int(self.subseed) + n for n in range(count)]

    def comment(self, text: str) -> None:
        """Say something to the user besides the pictures."""
        assert self.comments is not None
        self.comments[text] = 1

    def clear_prompt_cache(self) -> None:
        """Forget encoded prompts (the program keeps them elsewhere, and knows when they change)."""
        self.cached_c = [None, None]
        self.cached_uc = [None, None]

    def get_token_merging_ratio(self, for_hr: bool = False) -> float:
        """The share of tokens that are merged; the program heeds none."""
        return (self.token_merging_ratio_hr if for_hr else 0) or self.token_merging_ratio or 0

    def get_conds(self) -> tuple[Any, Any]:
        """The encoded prompts of the pass at work, in the older form."""
        return self.c, self.uc

    def setup_conds(self) -> None:
        """Encoding is the program's own business, at its own time; `c` and `uc` are there when sampling begins."""

    def parse_extra_network_prompts(self) -> None:
        """Take the network tags out of `prompts` into `extra_network_data`."""
        from modules.compat import extra_networks  # type: ignore[attr-defined,unused-ignore]

        self.prompts, self.extra_network_data = extra_networks.parse_prompts(self.prompts or [])

    def txt2img_image_conditioning(self, x: Any, width: int | None = None, height: int | None = None) -> Any:
        """What a model without picture channels is told of a picture: zeros."""
        return x.new_zeros(x.shape[0], 5, 1, 1, dtype=x.dtype, device=x.device)

    def img2img_image_conditioning(
        self, source_image: Any, latent_image: Any, image_mask: Any = None, round_image_mask: bool = True
    ) -> Any:
        """See `txt2img_image_conditioning`; the program tells models that read pictures by itself."""
        return self.txt2img_image_conditioning(latent_image)

    def sample(
        self,
        conditioning: Any,
        unconditional_conditioning: Any,
        seeds: Any,
        subseeds: Any,
        subseed_strength: float,
        prompts: Any,
    ) -> Any:
        """Latents `[B, 4, h, w]` of such seeds and encoded prompts, for who calls it; the program's jobs do not."""
        from modules.compat.processing_helpers import sample_latents

        given = seeds, subseeds, subseed_strength
        return sample_latents(self, conditioning, unconditional_conditioning, *given)

    def save_samples(self) -> bool:
        """Whether the pictures are to be saved."""
        saves = house.house().settings.current.saving.save if house.is_open() else True
        return saves and not self.do_not_save_samples

    def init(self, all_prompts: Any, all_seeds: Any, all_subseeds: Any) -> None:
        """Nothing is to be prepared ahead."""

    def close(self) -> None:
        """Let go of what was encoded."""
        self.sampler = self.c = self.uc = None


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    """Pictures from a prompt, perhaps with a second, larger pass."""

    enable_hr: bool = False
    denoising_strength: float | None = 0.75
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
    hr_prompt: Any = ""
    hr_negative_prompt: Any = ""
    force_task_id: str | None = None

    hr_checkpoint_info: Any = field(default=None, init=False)
    hr_upscale_to_x: int = field(default=0, init=False)
    hr_upscale_to_y: int = field(default=0, init=False)
    truncate_x: int = field(default=0, init=False)
    truncate_y: int = field(default=0, init=False)
    latent_scale_mode: Any = field(default=None, init=False)
    hr_c: Any = field(default=None, init=False)
    hr_uc: Any = field(default=None, init=False)
    all_hr_prompts: list[str] | None = field(default=None, init=False)
    all_hr_negative_prompts: list[str] | None = field(default=None, init=False)
    hr_prompts: list[str] | None = field(default=None, init=False)
    hr_negative_prompts: list[str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cached_hr_c = [None, None]
        self.cached_hr_uc = [None, None]
        if self.firstphase_width or self.firstphase_height:
            # very old callers say the size of the first pass, and mean that of the result by width and height
            self.hr_resize_x, self.hr_resize_y = self.width, self.height
            self.width, self.height = self.firstphase_width, self.firstphase_height
            self.firstphase_width = self.firstphase_height = 0

    def setup_prompts(self) -> None:
        """See `StableDiffusionProcessing`; the second pass has lists of its own."""
        super().setup_prompts()
        if self.enable_hr:
            assert self.all_prompts is not None and self.all_negative_prompts is not None
            self.all_hr_prompts = self._second(self.hr_prompt, self.all_prompts, style_texts.apply)
            self.all_hr_negative_prompts = self._second(
                self.hr_negative_prompt, self.all_negative_prompts, style_texts.apply_negative
            )

    def _second(self, own: Any, first: list[str], styled: Any) -> list[str]:
        if isinstance(own, list):
            return [styled(text, chosen_styles(self.styles or [])) for text in own]
        return [styled(own, chosen_styles(self.styles or []))] * len(first) if own else list(first)

    def calculate_target_resolution(self) -> None:
        """Set `hr_upscale_to_x` and `hr_upscale_to_y`, the size of the second pass."""
        if self.hr_resize_x == 0 and self.hr_resize_y == 0:
            self.hr_upscale_to_x = int(self.width * self.hr_scale)
            self.hr_upscale_to_y = int(self.height * self.hr_scale)
            return
        from modules.imaging.resizing import covering_size

        size = covering_size(self.width, self.height, self.hr_resize_x, self.hr_resize_y)
        self.hr_upscale_to_x, self.hr_upscale_to_y = size.width, size.height

    def init(self, all_prompts: Any, all_seeds: Any, all_subseeds: Any) -> None:
        """See `StableDiffusionProcessing`."""
        if self.enable_hr:
            self.calculate_target_resolution()


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """Pictures from pictures (PIL)."""

    init_images: list[Any] | None = None
    resize_mode: int = 0
    denoising_strength: float | None = 0.75
    image_cfg_scale: float | None = None
    mask: Any = None
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_blur: int | None = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: Any = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    latent_mask: Any = None
    force_task_id: str | None = None

    image_mask: Any = field(default=None, init=False)
    nmask: Any = field(default=None, init=False)
    init_latent: Any = field(default=None, init=False)
    init_img_hash: str | None = field(default=None, init=False)
    init_img_width: int | None = field(default=None, init=False)
    init_img_height: int | None = field(default=None, init=False)
    image_conditioning: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.image_mask, self.mask = self.mask, None
        self.init_images = list(self.init_images or [])


def _get_mask_blur(p: StableDiffusionProcessingImg2Img) -> int | None:
    """Both blurs, where they are the same."""
    return p.mask_blur_x if p.mask_blur_x == p.mask_blur_y else None


def _set_mask_blur(p: StableDiffusionProcessingImg2Img, value: Any) -> None:
    """Set both blurs; None leaves them."""
    if isinstance(value, (int, float)):
        p.mask_blur_x = p.mask_blur_y = int(value)


def _get_model(p: StableDiffusionProcessing) -> Any:
    """The model in use: a `p` never holds one of its own."""
    from modules.compat import shared

    return shared.sd_model


def _set_model(p: StableDiffusionProcessing, value: Any) -> None:
    """Callers hand over `shared.sd_model`; there is only the one in use."""


# dataclasses know no properties: they take the place of the fields once the constructors are made
StableDiffusionProcessing.sd_model = property(_get_model, _set_model)
StableDiffusionProcessingImg2Img.mask_blur = property(_get_mask_blur, _set_mask_blur)  # type: ignore[assignment]


def chosen_styles(names: list[str]) -> list[style_texts.Style]:
    """The styles of these names; names that there are no more are left out."""
    if not names or not house.is_open():
        return []
    known = {style.name: style for style in house.house().styles.all()}
    return [known[name] for name in names if name in known]


def _name_of_sampler(index: Any) -> str | None:
    """Very old callers give the sampler's number, or its name under `sampler_index`."""
    from modules.sampling.catalogue import all_samplers

    if isinstance(index, str):
        return index
    samplers = all_samplers()
    return samplers[index].name if isinstance(index, int) and 0 <= index < len(samplers) else None


def finite(value: float | None) -> float | None:
    """`s_tmax` in our terms: 0 means that there is no limit."""
    return 0.0 if value is not None and math.isinf(value) else value
