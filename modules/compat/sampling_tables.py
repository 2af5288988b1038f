"""Samplers and schedules that extensions of the older UI add, as lines of the program's own tables."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from modules.compat.house import house, is_open
from modules.faults import UnknownName
from modules.sampling import catalogue

log = logging.getLogger(__name__)

_mine: tuple[tuple[catalogue.Sampler, ...], tuple[catalogue.Scheduler, ...]] = ((), ())


def older_samplers() -> tuple[catalogue.Sampler, ...]:
    """The samplers that were added here."""
    return _mine[0]


def older_schedulers() -> tuple[catalogue.Scheduler, ...]:
    """The schedules that were added here."""
    return _mine[1]


def publish(
    samplers: Iterable[catalogue.Sampler] | None = None,
    schedulers: Iterable[catalogue.Scheduler] | None = None,
) -> None:
    """Put these into the program's tables in the place of those before; None: as they were.

    Names that are taken are left out, and the log says so. To be called again after `catalogue.extend`.
    """
    global _mine
    old_samplers, old_schedulers = _mine
    others = [
        one for one in _added(catalogue.all_samplers(), catalogue.SAMPLERS) if not _is_in(one, old_samplers)
    ]
    other_schedules = [
        one
        for one in _added(catalogue.all_schedulers(), catalogue.SCHEDULERS)
        if not _is_in(one, old_schedulers)
    ]
    taken = _names(catalogue.SAMPLERS) | _names(others)
    taken_schedules = _names(catalogue.SCHEDULERS) | _names(other_schedules)
    new_samplers = old_samplers if samplers is None else tuple(samplers)
    new_schedulers = old_schedulers if schedulers is None else tuple(schedulers)
    _mine = _free(new_samplers, taken), _free(new_schedulers, taken_schedules)
    catalogue.extend([*others, *_mine[0]], [*other_schedules, *_mine[1]])


def _added(every: tuple[Any, ...], own: tuple[Any, ...]) -> list[Any]:
    return list(every[len(own) :])


def _is_in(one: Any, many: Iterable[Any]) -> bool:
    return any(one is each for each in many)


def _names(lines: Iterable[Any]) -> set[str]:
    return {name.lower() for each in lines for name in (each.name, getattr(each, "label", each.name))}


def _free(lines: tuple[Any, ...], taken: set[str]) -> tuple[Any, ...]:
    kept = []
    for one in lines:
        if {each for each in _names([one]) if each in taken}:
            log.warning("The name %r is taken; the extension's is left out.", one.name)
            continue
        taken |= _names([one])
        kept.append(one)
    return tuple(kept)


# -- samplers -----------------------------------------------------------------------------------------------


def line_of(data: Any) -> catalogue.Sampler | None:
    """The line of a `SamplerData`; None: its constructor gives nothing that could be called (the log says so)."""
    from modules.compat.sd_samplers_common import Sampler

    try:
        built = data.constructor(None)
    except Exception:  # an extension's failure is its own
        log.exception("The sampler %s can't be made.", data.name)
        return None
    function = getattr(built, "func", None)
    inherits = isinstance(built, Sampler) and type(built).sample is Sampler.sample
    if not callable(function) or not inherits:
        log.warning("The sampler %s is left out: it is no function of k-diffusion's kind.", data.name)
        return None
    options = {**data.options, **getattr(built, "options", {})}
    parameters = inspect.signature(function).parameters
    takes = {name for name in ("eta", "s_noise") if name in parameters}
    takes |= {"churn"} if "s_churn" in parameters else set()
    solver = options.get("solver_type")
    return catalogue.Sampler(
        name=data.name,
        aliases=tuple(str(each) for each in data.aliases or ()),
        function="",
        schedule=_schedule(options.get("scheduler")),
        discard_next_to_last=_true(options.get("discard_next_to_last_sigma")),
        calls_a_step=2 if _true(options.get("second_order")) else 1,
        uses_seed_delta=_true(options.get("uses_ensd")),
        brownian=_true(options.get("brownian_noise")) and "noise_sampler" in parameters,
        sigma_range="sigmas" not in parameters and "sigma_min" in parameters,
        takes=frozenset(takes),
        origin="older extension",
        extra=(("solver_type", solver),) if solver and "solver_type" in parameters else (),
        call=guarded(f"the sampler {data.name}", function, _sampler_call(function, set(parameters))),
    )


def _sampler_call(function: Callable[..., Any], parameters: set[str]) -> Callable[..., Any]:
    """The function as the program calls its own."""
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())

    def call(denoiser: Any, x: Any, sigmas: Any = None, **named: Any) -> Any:
        from modules.compat.sd_samplers_running import OlderDenoiser

        given = {"extra_args": {}, **named}
        given = {name: value for name, value in given.items() if takes_any or name in parameters}
        positional = () if sigmas is None else (sigmas,)
        return function(OlderDenoiser(denoiser), x, *positional, **given)

    return call


def _schedule(name: Any) -> str:
    try:
        return catalogue.find_scheduler(str(name)).label if name else "Uniform"
    except UnknownName:
        return "Uniform"


def _true(value: Any) -> bool:
    return value is True or str(value) == "True"


def guarded(what: str, named: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """The same call; what it raises names the extension. Args: named: the extension's function, whose file tells."""
    from modules.plugins import tables

    def safe(*arguments: Any, **more: Any) -> Any:
        if not is_open():
            return call(*arguments, **more)
        manager: Any = house().plugins
        return tables.guarded(manager, owner_of(named), what, call)(*arguments, **more)

    return safe


def owner_of(thing: Any) -> str:
    """The extension that a function or class is from, by its file."""
    try:
        path = Path(inspect.getsourcefile(thing) or "").resolve()
        folders = [house().folders.extensions.resolve()] if is_open() else []
    except (TypeError, OSError):
        return "an extension"
    inside = next((path.relative_to(each) for each in folders if path.is_relative_to(each)), None)
    return inside.parts[0] if inside is not None and inside.parts else path.stem or "an extension"


# -- schedules ----------------------------------------------------------------------------------------------


def schedule_line(one: Any) -> catalogue.Scheduler:
    """The line of an older `Scheduler`."""

    def call(steps: int, model: Any, ends: Any) -> Any:
        import torch

        from modules.compat.sd_models import model_data
        from modules.compat.sd_samplers_running import ModelWrap

        named: dict[str, Any] = {"sigma_min": ends.minimum, "sigma_max": ends.maximum}
        if one.need_inner_model:
            named["inner_model"] = ModelWrap(model, model_data.sd_model)
        if ends.rho and one.default_rho != -1:
            named["rho"] = ends.rho
        made = one.function(n=steps, **named, device=torch.device("cpu"))
        return torch.as_tensor(made, dtype=torch.float32).cpu()

    return catalogue.Scheduler(
        name=one.name,
        label=one.label,
        aliases=tuple(one.aliases or ()),
        default_rho=one.default_rho,
        needs_inner_model=one.need_inner_model,
        call=guarded(f"the schedule {one.label}", one.function, call),
    )
