"""The finer options of a request, in groups, and how values are checked: immutable, validated when made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from modules.faults import InvalidField

MAX_SIDE = 8192
MAX_STEPS = 1000
MAX_PROMPT_CHARACTERS = 16_000
MAX_SEED = 2**63 - 1
RANDOM_SEED = -1

Emphasis = Literal["Original", "No norm", "Ignore", "None"]
NoiseSource = Literal["CPU", "NV", "GPU"]
NoiseSchedule = Literal["Default", "Zero Terminal SNR"]
MAX_SIGMAS = MAX_STEPS
MIN_WINDOW = 64


def check_number(
    name: str, label: str, value: float, low: float, high: float, *, whole: bool = False
) -> None:
    """Raises: InvalidField: `value` is no (whole) number from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:  # NaN is in no range
        raise InvalidField(name, f"{label} must be {kind} from {low:g} to {high:g}, not {value!r}.")


def check_choice(name: str, label: str, value: str, choices: Collection[str]) -> None:
    """Raises: InvalidField: `value` is none of the choices."""
    if value not in choices:
        raise InvalidField(name, f"{label} must be one of {', '.join(choices)}, not {value!r}.")


def check_text(name: str, label: str, value: str) -> None:
    """Raises: InvalidField: `value` is no text, far too long, or holds what no file can hold."""
    if not isinstance(value, str):
        raise InvalidField(name, f"{label} must be text.")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidField(
            name, f"{label} holds a character that is no text (NUL or half of a pair). Remove it."
        )
    if len(value) > MAX_PROMPT_CHARACTERS:
        raise InvalidField(
            name,
            f"{label} is {len(value):,} characters long; the limit is {MAX_PROMPT_CHARACTERS:,}. Shorten it.",
        )


def parse_sigmas(text: str) -> tuple[float, ...]:
    """Sigmas that a person typed: "14.6, 5, 2, 1, 0.5, 0.1", apart by commas or spaces; a zero at the end is left out.

    Raises: InvalidField: something in it is no number. Whether they fall, `SamplingOptions` checks.
    """
    values = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            values.append(float(word))
        except ValueError:
            raise InvalidField("custom_sigmas", f"Custom sigmas: {word!r} is no number.") from None
    return tuple(values[:-1] if values and values[-1] == 0 else values)


def check_sigmas(values: tuple[float, ...]) -> None:
    """Raises: InvalidField: the values are no falling sigmas above zero."""
    name, label = "custom_sigmas", "Custom sigmas"
    if not values:
        return
    if not 2 <= len(values) <= MAX_SIGMAS:
        raise InvalidField(name, f"{label} must be from 2 to {MAX_SIGMAS:,} numbers, not {len(values):,}.")
    for value in values:
        check_number(name, label, value, 1e-4, 10_000)
    for before, after in pairwise(values):
        if not after < before:
            raise InvalidField(
                name, f"{label} must fall from number to number, but {after:g} follows {before:g}."
            )


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """The finer settings of a sampler; None takes the sampler's own default.

    Args:
        eta: share of fresh noise in every step (ancestral default 1, DDIM default 0).
        s_churn, s_tmin, s_tmax, s_noise: Karras et al. 2022, algorithm 2; `s_tmax` 0 means no limit.
        skip_negative_below: leave the negative prompt out in every other step below this sigma (NGMS; 0: never).
        skip_negative_always: in every step below it, and not in every other.
        skip_negative_early: leave the negative prompt out during this share of the steps (0: never).
        sigma_min, sigma_max, rho: other ends and another curve of the schedule (0: its own).
        discard_next_to_last_sigma: None leaves it to the sampler.
        sgm_noise_multiplier: start from noise times `sqrt(1 + sigma_max^2)` and not `sigma_max`.
        custom_sigmas: falling sigmas above zero that take the place of the schedule (empty: none); zero comes after
            them. Where there are not as many as steps they are interpolated log-linearly to that number.
        noise_schedule: that of the model, or stretched until nothing of the signal is left at the last timestep.
        cfg_rescale: give the guided prediction the contrast of the one without guidance, to this share (0: not).
        threshold_percentile: dynamic thresholding: the share of values that stay inside the bound (0: off).
        threshold_mimic_scale: the CFG scale whose range of values is the bound; 0: -1 to 1, as in the paper.
        window_width, window_height: tiled diffusion: the U-Net sees a window of so many pixels at a time (0: all).
        window_overlap: pixels that neighbouring windows share at least.
    """

    eta: float | None = None
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = 0.0
    s_noise: float = 1.0
    skip_negative_below: float = 0.0
    skip_negative_always: bool = False
    skip_negative_early: float = 0.0
    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    discard_next_to_last_sigma: bool | None = None
    sgm_noise_multiplier: bool = False
    custom_sigmas: tuple[float, ...] = ()
    noise_schedule: NoiseSchedule = "Default"
    cfg_rescale: float = 0.0
    threshold_percentile: float = 0.0
    threshold_mimic_scale: float = 0.0
    window_width: int = 0
    window_height: int = 0
    window_overlap: int = 0

    @property
    def windowed(self) -> bool:
        """Whether the U-Net sees a window at a time."""
        return self.window_width > 0

    def __post_init__(self) -> None:
        if self.eta is not None:
            check_number("eta", "Eta", self.eta, 0, 10)
        check_number("s_churn", "Sigma churn", self.s_churn, 0, 1000)
        check_number("s_tmin", "Sigma tmin", self.s_tmin, 0, 1000)
        check_number("s_tmax", "Sigma tmax", self.s_tmax, 0, 10_000)
        check_number("s_noise", "Sigma noise", self.s_noise, 0, 10)
        check_number("s_min_uncond", "Negative guidance minimum sigma", self.skip_negative_below, 0, 1000)
        check_number(
            "skip_early_cond", "Share of steps without negative prompt", self.skip_negative_early, 0, 1
        )
        check_number("sigma_min", "Sigma min", self.sigma_min, 0, 1000)
        check_number("sigma_max", "Sigma max", self.sigma_max, 0, 1000)
        check_number("rho", "Rho", self.rho, 0, 100)
        check_sigmas(self.custom_sigmas)
        check_choice(
            "sd_noise_schedule", "Noise schedule", self.noise_schedule, ("Default", "Zero Terminal SNR")
        )
        check_number("cfg_rescale", "CFG rescale", self.cfg_rescale, 0, 1)
        percentile, mimic = "dynamic_threshold_percentile", "dynamic_threshold_mimic_scale"
        check_number(percentile, "Threshold percentile", self.threshold_percentile, 0, 1)
        check_number(mimic, "Threshold mimic scale", self.threshold_mimic_scale, 0, 100)
        self._check_windows()

    def _check_windows(self) -> None:
        sides = {"window_width": self.window_width, "window_height": self.window_height}
        for name, side in sides.items():
            label = name.replace("_", " ").capitalize()
            check_number(name, label, side, 0, MAX_SIDE, whole=True)
            if 0 < side < MIN_WINDOW or (side == 0 and any(sides.values())):
                raise InvalidField(
                    name, f"{label} must be at least {MIN_WINDOW}, or both sides 0, not {side}."
                )
        check_number("window_overlap", "Window overlap", self.window_overlap, 0, MAX_SIDE, whole=True)
        if self.windowed and self.window_overlap >= min(sides.values()):
            raise InvalidField(
                "window_overlap",
                f"Window overlap must be less than a window's side, not {self.window_overlap}.",
            )


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """Where a picture's noise comes from, besides its seed.

    Args:
        source: the random generator; "CPU" gives the same picture on every machine.
        variation_seed, variation_strength: mix in the noise of another seed (0: not at all, 1: only that).
        resize_from_width, resize_from_height: keep the composition of this size, in pixels (0: off).
        seed_delta: "eta noise seed delta": restart the samplers' own noise at `seed + delta` (0: off).
    """

    source: NoiseSource = "CPU"
    variation_seed: int = RANDOM_SEED
    variation_strength: float = 0.0
    resize_from_width: int = 0
    resize_from_height: int = 0
    seed_delta: int = 0

    def __post_init__(self) -> None:
        check_choice("randn_source", "Noise source", self.source, ("CPU", "NV", "GPU"))
        check_number("subseed", "Variation seed", self.variation_seed, -1, MAX_SEED, whole=True)
        check_number("subseed_strength", "Variation strength", self.variation_strength, 0, 1)
        check_number(
            "seed_resize_from_w", "Resize seed from width", self.resize_from_width, 0, MAX_SIDE, whole=True
        )
        check_number(
            "seed_resize_from_h", "Resize seed from height", self.resize_from_height, 0, MAX_SIDE, whole=True
        )
        check_number("eta_noise_seed_delta", "ENSD", self.seed_delta, 0, MAX_SEED, whole=True)


@dataclass(frozen=True, kw_only=True)
class FaceOptions:
    """What becomes of the faces in finished pictures.

    Args:
        restorer: the model that restores them, "CodeFormer" or "GFPGAN"; None: they stay as they are.
        weight: CodeFormer only: 0 takes most liberties, 1 stays closest to the picture.
    """

    restorer: str | None = None
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_number("code_former_weight", "CodeFormer weight", self.weight, 0, 1)


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How the prompt is read and encoded.

    Args:
        clip_skip: which layer of CLIP to take, counted from the end (1: the last).
        emphasis: what weights do to the vectors.
        comma_backtrack: how far back, in tokens, a full chunk looks for a comma to break at.
        wildcards: fill in `__name__` and `{a|b}` for each picture, chosen by its seed.
        networks: heed network tags; else they are only taken out.
        pad_negative: fill the shorter of prompt and negative prompt up to the other's length.
        sdxl_clip_skip: SDXL's first text encoder heeds `clip_skip` too.
        sdxl_crop: SDXL is told that the picture was cropped by so much, in pixels (top, left).
        aesthetic_scores: SDXL's refiner is told these scores, for the prompt and for the negative prompt.
    """

    clip_skip: int = 1
    emphasis: Emphasis = "Original"
    comma_backtrack: int = 20
    pad_negative: bool = False
    wildcards: bool = True
    networks: bool = True
    sdxl_clip_skip: bool = False
    sdxl_crop: tuple[int, int] = (0, 0)
    aesthetic_scores: tuple[float, float] = (6.0, 2.5)

    def __post_init__(self) -> None:
        check_number("CLIP_stop_at_last_layers", "Clip skip", self.clip_skip, 1, 24, whole=True)
        check_choice("emphasis", "Emphasis", self.emphasis, ("Original", "No norm", "Ignore", "None"))
        check_number("comma_padding_backtrack", "Comma backtrack", self.comma_backtrack, 0, 74, whole=True)
        for name, value in zip(("sdxl_crop_top", "sdxl_crop_left"), self.sdxl_crop, strict=True):
            check_number(name, "Crop", value, 0, MAX_SIDE, whole=True)
        for score in self.aesthetic_scores:
            check_number("sdxl_refiner_high_aesthetic_score", "Aesthetic score", score, 0, 10)
