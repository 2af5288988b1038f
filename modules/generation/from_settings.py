"""The parts of a request that the settings decide where nobody says otherwise."""

from __future__ import annotations

from modules.faults import UnknownName
from modules.generation.options import FaceOptions, NoiseOptions, SamplingOptions, TextOptions, parse_sigmas
from modules.generation.requests import PictureOptions
from modules.generation.saving import SavingOptions
from modules.imaging.fetching import FetchRules
from modules.sampling.catalogue import AUTOMATIC, resolve
from modules.settings.model import Settings


def sampling_options(settings: Settings, sampler: str) -> SamplingOptions:
    """The finer settings of a sampler."""
    sampling = settings.sampling
    return SamplingOptions(
        eta=_eta(settings, sampler),
        s_churn=sampling.s_churn,
        s_tmin=sampling.s_tmin,
        s_tmax=sampling.s_tmax,
        s_noise=sampling.s_noise,
        skip_negative_below=sampling.skip_negative_below,
        skip_negative_always=sampling.skip_negative_always,
        skip_negative_early=sampling.skip_negative_early,
        sigma_min=sampling.sigma_min,
        sigma_max=sampling.sigma_max,
        rho=sampling.rho,
        discard_next_to_last_sigma=True if sampling.always_discard_next_to_last_sigma else None,
        sgm_noise_multiplier=sampling.sgm_noise_multiplier,
        custom_sigmas=parse_sigmas(sampling.custom_sigmas),
        noise_schedule=sampling.noise_schedule,
        cfg_rescale=sampling.cfg_rescale,
        threshold_percentile=sampling.threshold_percentile,
        threshold_mimic_scale=sampling.threshold_mimic_scale,
    )


def _eta(settings: Settings, sampler: str) -> float | None:
    """The setting "eta_ancestral" where it differs from the samplers' own; samplers over timesteps don't heed it."""
    if settings.sampling.eta_ancestral == 1.0:
        return None
    try:
        heeds = not resolve(sampler, AUTOMATIC)[0].over_timesteps
    except UnknownName:  # said when the request is checked
        heeds = False
    return settings.sampling.eta_ancestral if heeds else None


def noise_options(settings: Settings) -> NoiseOptions:
    """Where noise comes from."""
    return NoiseOptions(source=settings.sampling.noise_source, seed_delta=settings.sampling.seed_delta)


def text_options(settings: Settings) -> TextOptions:
    """How prompts are read and encoded."""
    model = settings.model
    return TextOptions(
        clip_skip=model.clip_skip,
        emphasis=model.emphasis,
        comma_backtrack=model.comma_backtrack,
        pad_negative=model.pad_negative,
        wildcards=model.wildcards,
        sdxl_clip_skip=model.sdxl_clip_skip,
        sdxl_crop=(model.sdxl_crop_top, model.sdxl_crop_left),
        aesthetic_scores=(model.refiner_high_score, model.refiner_low_score),
    )


def face_options(settings: Settings, restore: bool | None = None) -> FaceOptions:
    """What becomes of faces. Args: restore: whether they are restored, where somebody says that."""
    faces = settings.faces
    wanted = faces.restore if restore is None else restore
    return FaceOptions(restorer=faces.restorer if wanted else None, weight=faces.weight)


def picture_options(settings: Settings) -> PictureOptions:
    """How requests that begin with a picture treat it."""
    picture = settings.picture
    return PictureOptions(
        noise_multiplier=picture.noise_multiplier,
        extra_noise=picture.extra_noise,
        exact_steps=picture.exact_steps,
        colour_correction=picture.colour_correction,
        background=picture.background,
        mask_weight=picture.mask_weight,
        overlay=picture.overlay,
    )


def saving_options(settings: Settings) -> SavingOptions:
    """How finished pictures are kept."""
    saving = settings.saving
    return SavingOptions(
        format=saving.format,
        quality=saving.quality,
        lossless=saving.lossless,
        recipe=saving.recipe,
        text_file=saving.text_file,
        name=saving.name or ("[seed]" if saving.folders else "[seed]-[prompt_spaces]"),
        numbered=saving.numbered,
        folder=saving.folder if saving.folders else "",
        words=saving.words,
        grid=saving.grids,
        grid_format=saving.grid_format,
        grid_rows=saving.grid_rows,
        grid_background=saving.grid_background,
    )


def check_settings(settings: Settings) -> None:
    """Raises: InvalidField: no request can be made with these settings."""
    text_options(settings)
    noise_options(settings)
    sampling_options(settings, "Euler a")
    saving_options(settings)


def fetch_rules(settings: Settings) -> FetchRules:
    """Which pictures may be fetched from addresses."""
    api = settings.api
    return FetchRules(api.fetch_pictures, not api.forbid_local, api.user_agent)
