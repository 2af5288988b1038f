"""What can be asked of the program: immutable, validated when made.

The page makes a request from its components, the API from JSON, the queue from SQLite, "read generation data" from
an infotext. Nothing below this floor asks where it came from.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

from modules.faults import InvalidField

MAX_SIDE = 8192
MAX_STEPS = 1000
MAX_PROMPT_CHARACTERS = 16_000
MAX_SEED = 2**63 - 1
RANDOM_SEED = -1

Emphasis = Literal["Original", "No norm", "Ignore", "None"]
NoiseSource = Literal["CPU", "NV", "GPU"]


def _number(name: str, label: str, value: float, low: float, high: float, *, whole: bool = False) -> None:
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:  # NaN is in no range
        raise InvalidField(name, f"{label} must be {kind} from {low:g} to {high:g}, not {value!r}.")


def _choice(name: str, label: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise InvalidField(name, f"{label} must be one of {', '.join(choices)}, not {value!r}.")


def _text(name: str, label: str, value: str) -> None:
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


def new_seed() -> int:
    """A random seed, 0 to 4,294,967,293."""
    return secrets.randbelow(4_294_967_294)


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

    def __post_init__(self) -> None:
        if self.eta is not None:
            _number("eta", "Eta", self.eta, 0, 10)
        _number("s_churn", "Sigma churn", self.s_churn, 0, 1000)
        _number("s_tmin", "Sigma tmin", self.s_tmin, 0, 1000)
        _number("s_tmax", "Sigma tmax", self.s_tmax, 0, 10_000)
        _number("s_noise", "Sigma noise", self.s_noise, 0, 10)
        _number("s_min_uncond", "Negative guidance minimum sigma", self.skip_negative_below, 0, 1000)
        _number("skip_early_cond", "Share of steps without negative prompt", self.skip_negative_early, 0, 1)
        _number("sigma_min", "Sigma min", self.sigma_min, 0, 1000)
        _number("sigma_max", "Sigma max", self.sigma_max, 0, 1000)
        _number("rho", "Rho", self.rho, 0, 100)


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
        _choice("randn_source", "Noise source", self.source, ("CPU", "NV", "GPU"))
        _number("subseed", "Variation seed", self.variation_seed, -1, MAX_SEED, whole=True)
        _number("subseed_strength", "Variation strength", self.variation_strength, 0, 1)
        _number(
            "seed_resize_from_w", "Resize seed from width", self.resize_from_width, 0, MAX_SIDE, whole=True
        )
        _number(
            "seed_resize_from_h", "Resize seed from height", self.resize_from_height, 0, MAX_SIDE, whole=True
        )
        _number("eta_noise_seed_delta", "ENSD", self.seed_delta, 0, MAX_SEED, whole=True)


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How the prompt is read and encoded.

    Args:
        clip_skip: which layer of CLIP to take, counted from the end (1: the last).
        emphasis: what weights do to the vectors.
        comma_backtrack: how far back, in tokens, a full chunk looks for a comma to break at.
        wildcards: fill in `__name__` and `{a|b}` for each picture, chosen by its seed.
        pad_negative: fill the shorter of prompt and negative prompt up to the other's length.
    """

    clip_skip: int = 1
    emphasis: Emphasis = "Original"
    comma_backtrack: int = 20
    pad_negative: bool = False
    wildcards: bool = True

    def __post_init__(self) -> None:
        _number("CLIP_stop_at_last_layers", "Clip skip", self.clip_skip, 1, 24, whole=True)
        _choice("emphasis", "Emphasis", self.emphasis, ("Original", "No norm", "Ignore", "None"))
        _number("comma_padding_backtrack", "Comma backtrack", self.comma_backtrack, 0, 74, whole=True)


@dataclass(frozen=True, kw_only=True)
class TextToImage:
    """Pictures from a prompt.

    Args:
        seed: the first picture's; each further one has one more. -1 is replaced by a random seed when submitted.
        sampler, scheduler: names as the API knows them; "Automatic" is the sampler's own schedule.
        width, height: in pixels, 8 to 8192.
        batch_size: pictures made at the same time; batch_count: how often.
        tiling: make pictures whose edges fit together.
        checkpoint: title, name or hash of the model, or None for the one that is chosen in the settings.
        save: keep the pictures under `outputs/`.
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
    save: bool = True
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    text: TextOptions = field(default_factory=TextOptions)

    def __post_init__(self) -> None:
        _text("prompt", "The prompt", self.prompt)
        _text("negative_prompt", "The negative prompt", self.negative_prompt)
        _number("seed", "Seed", self.seed, -1, MAX_SEED, whole=True)
        _number("steps", "Steps", self.steps, 1, MAX_STEPS, whole=True)
        _number("cfg_scale", "CFG scale", self.cfg_scale, 0, 100)
        _number("width", "Width", self.width, 8, MAX_SIDE, whole=True)
        _number("height", "Height", self.height, 8, MAX_SIDE, whole=True)
        _number("batch_size", "Batch size", self.batch_size, 1, 64, whole=True)
        _number("n_iter", "Batch count", self.batch_count, 1, 1000, whole=True)

    @property
    def pictures(self) -> int:
        """How many pictures are asked for."""
        return self.batch_size * self.batch_count

    def with_seeds(self) -> TextToImage:
        """The same request with random seeds drawn, so that it can be repeated."""
        noise = self.noise
        if noise.variation_seed == RANDOM_SEED:
            noise = replace(noise, variation_seed=new_seed())
        return replace(self, seed=new_seed() if self.seed == RANDOM_SEED else self.seed, noise=noise)

    def seed_of(self, picture: int) -> int:
        """The seed of picture `picture` (from 0): one more each, unless variations of one seed are asked for."""
        return self.seed if self.noise.variation_strength > 0 else self.seed + picture

    def variation_seed_of(self, picture: int) -> int:
        """The variation seed of picture `picture` (from 0)."""
        return self.noise.variation_seed + picture


Request = TextToImage
"""Anything that the queue takes."""
