"""`modules.sd_schedulers` of the older UI: schedules by name. What is added to `schedulers` can be used in jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from modules.compat.sampling_tables import publish, schedule_line
from modules.compat.watched_list import WatchedList
from modules.sampling import catalogue


@dataclasses.dataclass
class Scheduler:
    """A schedule. Args: function: `(n, sigma_min, sigma_max, [inner_model], [rho], device)` gives `[n + 1]` sigmas."""

    name: str
    label: str
    function: Callable[..., Any] | None

    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list[str] | None = None


def _of(name: str) -> Callable[..., Any]:
    """One of the program's schedules as a function of the older kind."""

    def function(
        n: int,
        sigma_min: float,
        sigma_max: float,
        inner_model: Any = None,
        device: Any = None,
        rho: float = 0.0,
    ) -> Any:
        from modules.sampling.schedules import Ends, sigmas

        ends = Ends(float(sigma_min), float(sigma_max), rho or None)
        made = sigmas(name, int(n), _model(inner_model), ends=ends)
        return made if device is None else made.to(device)

    function.__name__ = name
    return function


def _model(inner_model: Any) -> Any:
    """The noise levels of a model; without one those that most are trained with."""
    from modules.compat.sd_models import model_data
    from modules.generation.batch import model_sigmas
    from modules.generation.options import SamplingOptions
    from modules.models.noise_schedule import alphas_cumprod, sigmas
    from modules.sampling.schedules import ModelSigmas

    ours = getattr(inner_model, "ours", None)
    if ours is not None:
        return ours
    if getattr(inner_model, "sigmas", None) is not None:
        return ModelSigmas(inner_model.sigmas)
    loaded = model_data.sd_model
    if loaded is not None:
        return model_sigmas(loaded.loaded, SamplingOptions())
    return ModelSigmas(sigmas(alphas_cumprod()))


uniform = _of("uniform")
sgm_uniform = _of("sgm_uniform")
get_align_your_steps_sigmas = _of("align_your_steps")
kl_optimal = _of("kl_optimal")
simple_scheduler = _of("simple")
normal_scheduler = _of("normal")
ddim_scheduler = _of("ddim")
beta_scheduler = _of("beta")


def to_d(x: Any, sigma: Any, denoised: Any) -> Any:
    """The derivative of k-diffusion's samplers."""
    return (x - denoised) / sigma.reshape(-1, *(1,) * (x.ndim - 1))


def _changed() -> None:
    schedulers_map.clear()
    schedulers_map.update(
        {name: each for each in schedulers for name in (each.name, each.label, *(each.aliases or ()))}
    )
    own = {each.name for each in catalogue.SCHEDULERS}
    publish(schedulers=[schedule_line(each) for each in schedulers if each.name not in own and each.function])


schedulers_map: dict[str, Scheduler] = {}
schedulers: list[Scheduler] = WatchedList(
    [
        Scheduler(
            each.name,
            each.label,
            None if each.label == catalogue.AUTOMATIC else _of(each.name),
            each.default_rho,
            each.needs_inner_model,
            list(each.aliases) or None,
        )
        for each in catalogue.SCHEDULERS
    ],
    _changed,
)
schedulers_map.update(
    {name: each for each in schedulers for name in (each.name, each.label, *(each.aliases or ()))}
)
