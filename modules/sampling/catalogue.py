"""The tables of samplers and schedules: names, aliases, options. Knows no torch, so that lists are made at once.

To add a sampler: write a function `(model, x, sigmas, extra_args, callback, disable, ...) -> x` and add a line here.
Those of extensions are added by `extend`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from modules.faults import UnknownName

AUTOMATIC = "Automatic"
BETA_ALPHA = BETA_BETA = 0.6
"""Shape of the Beta schedule."""


@dataclass(frozen=True)
class Sampler:
    """One line of the table.

    Args:
        name, aliases: as the API and infotexts know it; compared without case.
        function: its name in the module `origin`.
        origin: "k_diffusion", or a module of this folder.
        schedule: what "Automatic" means for it.
        discard_next_to_last: make the schedule for one step more and leave out its next-to-last sigma.
        calls_a_step: how prompt schedules count for it: 2 where a step asks the model twice.
        uses_seed_delta: "eta noise seed delta" applies to it.
        brownian: its noise comes from a Brownian tree for each picture.
        eta: its default for "eta".
        sigma_range: it takes the ends of the schedule and a number of steps, and not the schedule.
        takes: which of `SamplingOptions` it knows: "eta", "churn" (s_churn, s_tmin, s_tmax), "s_noise".
        extra: fixed arguments.
        call: the function itself, for one that is not in a module of ours.
    """

    name: str
    aliases: tuple[str, ...]
    function: str
    schedule: str = "Uniform"
    discard_next_to_last: bool = False
    calls_a_step: int = 1
    uses_seed_delta: bool = False
    brownian: bool = False
    sigma_range: bool = False
    takes: frozenset[str] = frozenset()
    origin: str = "k_diffusion"
    eta: float = 1.0
    extra: tuple[tuple[str, object], ...] = ()
    call: Callable[..., Any] | None = None

    @property
    def over_timesteps(self) -> bool:
        """It walks over the model's own timesteps and knows no schedule of sigmas."""
        return self.origin in ("timestep_samplers", "unipc")

    def options(self) -> dict[str, str]:
        """The options as the API lists them."""
        options: dict[str, str] = {}
        if self.schedule != "Uniform":
            options["scheduler"] = self.schedule.lower()
        if self.discard_next_to_last:
            options["discard_next_to_last_sigma"] = "True"
        if self.calls_a_step == 2:
            options["second_order"] = "True"
        if self.uses_seed_delta:
            options["uses_ensd"] = "True"
        if self.brownian:
            options["brownian_noise"] = "True"
        return options | {key: str(value) for key, value in self.extra}


_ETA, _CHURN, _NOISE = "eta", "churn", "s_noise"
_ANCESTRAL = frozenset({_ETA, _NOISE})
_KARRAS_CHURN = frozenset({_CHURN, _NOISE})

SAMPLERS: tuple[Sampler, ...] = (
    Sampler("DPM++ 2M", ("k_dpmpp_2m",), "sample_dpmpp_2m", "Karras"),
    Sampler(
        "DPM++ SDE",
        ("k_dpmpp_sde",),
        "sample_dpmpp_sde",
        "Karras",
        calls_a_step=2,
        brownian=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "DPM++ 2M SDE",
        ("k_dpmpp_2m_sde",),
        "sample_dpmpp_2m_sde",
        "Exponential",
        brownian=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "DPM++ 2M SDE Heun",
        ("k_dpmpp_2m_sde_heun",),
        "sample_dpmpp_2m_sde",
        "Exponential",
        brownian=True,
        takes=_ANCESTRAL,
        extra=(("solver_type", "heun"),),
    ),
    Sampler(
        "DPM++ 2S a",
        ("k_dpmpp_2s_a",),
        "sample_dpmpp_2s_ancestral",
        "Karras",
        calls_a_step=2,
        uses_seed_delta=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "DPM++ 3M SDE",
        ("k_dpmpp_3m_sde",),
        "sample_dpmpp_3m_sde",
        "Exponential",
        discard_next_to_last=True,
        brownian=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "Euler a",
        ("k_euler_a", "k_euler_ancestral"),
        "sample_euler_ancestral",
        uses_seed_delta=True,
        takes=_ANCESTRAL,
    ),
    Sampler("Euler", ("k_euler",), "sample_euler", takes=_KARRAS_CHURN),
    Sampler("LMS", ("k_lms",), "sample_lms"),
    Sampler("Heun", ("k_heun",), "sample_heun", calls_a_step=2, takes=_KARRAS_CHURN),
    Sampler(
        "DPM2",
        ("k_dpm_2",),
        "sample_dpm_2",
        "Karras",
        discard_next_to_last=True,
        calls_a_step=2,
        takes=_KARRAS_CHURN,
    ),
    Sampler(
        "DPM2 a",
        ("k_dpm_2_a",),
        "sample_dpm_2_ancestral",
        "Karras",
        discard_next_to_last=True,
        calls_a_step=2,
        uses_seed_delta=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "DPM fast",
        ("k_dpm_fast",),
        "sample_dpm_fast",
        uses_seed_delta=True,
        sigma_range=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "DPM adaptive",
        ("k_dpm_ad",),
        "sample_dpm_adaptive",
        uses_seed_delta=True,
        sigma_range=True,
        takes=_ANCESTRAL,
    ),
    Sampler(
        "Restart",
        ("restart",),
        "restart",
        "Karras",
        calls_a_step=2,
        origin="own_samplers",
        takes=frozenset({_NOISE}),
    ),
    Sampler("DDIM", ("ddim",), "ddim", origin="timestep_samplers", eta=0.0, takes=frozenset({_ETA})),
    Sampler(
        "DDIM CFG++",
        ("ddim_cfgpp",),
        "ddim_cfg_pp",
        origin="timestep_samplers",
        eta=0.0,
        takes=frozenset({_ETA}),
    ),
    Sampler("PLMS", ("plms",), "plms", origin="timestep_samplers"),
    Sampler("UniPC", ("unipc",), "unipc", origin="unipc"),
    Sampler("LCM", ("k_lcm",), "lcm", origin="own_samplers"),
    Sampler("Euler CFG++", ("k_euler_cfg_pp",), "euler_cfg_pp", origin="cfg_plus_plus"),
    Sampler(
        "Euler a CFG++",
        ("k_euler_a_cfg_pp",),
        "euler_ancestral_cfg_pp",
        uses_seed_delta=True,
        origin="cfg_plus_plus",
        takes=_ANCESTRAL,
    ),
    Sampler("IPNDM", ("ipndm",), "ipndm", origin="multistep_samplers"),
    Sampler("DEIS", ("deis",), "deis", "Karras", origin="multistep_samplers"),
    Sampler("RES multistep", ("res_multistep",), "res_multistep", "Karras", origin="multistep_samplers"),
    Sampler(
        "ER SDE", ("er_sde",), "er_sde", "Karras", origin="multistep_samplers", takes=frozenset({_NOISE})
    ),
    Sampler("SA-Solver", ("sa_solver",), "sa_solver", "Karras", origin="sa_solver", takes=_ANCESTRAL),
)


@dataclass(frozen=True)
class Scheduler:
    """One schedule of sigmas: name and aliases as the API knows it, label as people do.

    Args: call: the function `(steps, model, ends) -> sigmas`, for one that is not in `schedules`.
    """

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    default_rho: float = -1.0
    needs_inner_model: bool = False
    call: Callable[..., Any] | None = None


SCHEDULERS: tuple[Scheduler, ...] = (
    Scheduler("automatic", AUTOMATIC),
    Scheduler("uniform", "Uniform", needs_inner_model=True),
    Scheduler("karras", "Karras", default_rho=7.0),
    Scheduler("exponential", "Exponential"),
    Scheduler("polyexponential", "Polyexponential", default_rho=1.0),
    Scheduler("sgm_uniform", "SGM Uniform", ("SGMUniform",), needs_inner_model=True),
    Scheduler("kl_optimal", "KL Optimal"),
    Scheduler("align_your_steps", "Align Your Steps"),
    Scheduler("simple", "Simple", needs_inner_model=True),
    Scheduler("normal", "Normal", needs_inner_model=True),
    Scheduler("ddim", "DDIM", needs_inner_model=True),
    Scheduler("beta", "Beta", needs_inner_model=True),
    Scheduler("linear_quadratic", "Linear Quadratic", ("LinearQuadratic",)),
    Scheduler("turbo", "Turbo", needs_inner_model=True),
)


_added: tuple[tuple[Sampler, ...], tuple[Scheduler, ...]] = ((), ())


def extend(samplers: Sequence[Sampler], schedulers: Sequence[Scheduler]) -> None:
    """Have these besides the tables, in the place of what was added before (for extensions)."""
    global _added
    _added = (tuple(samplers), tuple(schedulers))
    _by_name.cache_clear()
    _schedulers_by_name.cache_clear()


def all_samplers() -> tuple[Sampler, ...]:
    """The table, and what extensions have added."""
    return SAMPLERS + _added[0]


def all_schedulers() -> tuple[Scheduler, ...]:
    """The table, and what extensions have added."""
    return SCHEDULERS + _added[1]


@cache
def _by_name() -> dict[str, Sampler]:
    return {key.lower(): sampler for sampler in all_samplers() for key in (sampler.name, *sampler.aliases)}


@cache
def _schedulers_by_name() -> dict[str, Scheduler]:
    return {key.lower(): s for s in all_schedulers() for key in (s.name, s.label, *s.aliases)}


def find_scheduler(name: str) -> Scheduler:
    """The schedule of this name, label or alias, without regard to case.

    Raises: UnknownName.
    """
    found = _schedulers_by_name().get(name.strip().lower())
    if found is None:
        raise UnknownName(
            "scheduler",
            f"Schedule not found: {name!r}. There are {_list(s.label for s in all_schedulers())}.",
        )
    return found


def resolve(sampler: str, scheduler: str) -> tuple[Sampler, Scheduler]:
    """The sampler and schedule of these names.

    Old names with a schedule at the end ("DPM++ 2M Karras") are split; that schedule holds where `scheduler` is
    "Automatic".

    Raises: UnknownName.
    """
    schedule = find_scheduler(scheduler)
    name = sampler.strip().lower()
    if found := _by_name().get(name):
        return found, schedule
    for ending in sorted(_schedulers_by_name(), key=len, reverse=True):
        head = name.removesuffix(" " + ending)
        if head != name and head in _by_name():
            old = _schedulers_by_name()[ending]
            return _by_name()[head], old if schedule.label == AUTOMATIC else schedule
    raise UnknownName(
        "sampler_name", f"Sampler not found: {sampler!r}. There are {_list(s.name for s in all_samplers())}."
    )


def effective_schedule(sampler: Sampler, scheduler: Scheduler) -> Scheduler:
    """The schedule that is really used: "Automatic" replaced by the sampler's own."""
    return find_scheduler(sampler.schedule) if scheduler.label == AUTOMATIC else scheduler


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
