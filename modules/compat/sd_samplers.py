"""`modules.sd_samplers` of the older UI: the samplers by name. What is added to `all_samplers` can be used in jobs."""

from __future__ import annotations

from typing import Any

from modules.compat.older_options import option
from modules.compat.sampling_tables import line_of, older_samplers, publish
from modules.compat.sd_samplers_common import (
    SamplerData,
    sample_to_image,
    samples_to_image_grid,
    single_sample_to_image,
)
from modules.compat.sd_samplers_kdiffusion import data_of
from modules.compat.watched_list import WatchedList
from modules.faults import UnknownName
from modules.sampling.catalogue import SAMPLERS, resolve
from modules.sampling.catalogue import all_samplers as table

__all__ = [
    "SamplerData",
    "add_sampler",
    "all_samplers",
    "all_samplers_map",
    "create_sampler",
    "find_sampler_config",
    "fix_p_invalid_sampler_and_scheduler",
    "get_hr_sampler_and_scheduler",
    "get_sampler_and_scheduler",
    "get_sampler_from_infotext",
    "get_scheduler_from_infotext",
    "sample_to_image",
    "samplers",
    "samplers_for_img2img",
    "samplers_hidden",
    "samplers_map",
    "samples_to_image_grid",
    "set_samplers",
    "single_sample_to_image",
    "visible_sampler_names",
    "visible_samplers",
]

samplers: list[SamplerData] = []
samplers_for_img2img: list[SamplerData] = []
samplers_map: dict[str, str] = {}
samplers_hidden: set[str] = set()
all_samplers_map: dict[str, SamplerData] = {}


def _changed() -> None:
    set_samplers()


all_samplers: list[SamplerData] = WatchedList([data_of(line) for line in SAMPLERS], _changed)


def set_samplers() -> None:
    """Bring the program's table and the other lists to what `all_samplers` holds."""
    own = {line.name for line in SAMPLERS}
    known = {line.name: line for line in older_samplers()}
    lines = []
    # of two with one name the last counts: an extension that is loaded again brings its own again
    for name, data in {data.name: data for data in all_samplers if data.name not in own}.items():
        line = known[name] if _made.get(name) is data and name in known else line_of(data)
        if line is not None:
            lines.append(line)
            _made[name] = data
    publish(samplers=lines)
    _fill()


_made: dict[str, SamplerData] = {}
"""What the lines of the table were made of."""


def _fill() -> None:
    """The lists beside `all_samplers`, the same objects as before."""
    samplers_hidden.clear()
    samplers_hidden.update(option("hide_samplers", ()) or ())
    samplers[:] = list(all_samplers)
    samplers_for_img2img[:] = list(all_samplers)
    all_samplers_map.clear()
    all_samplers_map.update({data.name: data for data in all_samplers})
    samplers_map.clear()
    for data in all_samplers:
        for name in (data.name, *data.aliases):
            samplers_map[name.lower()] = data.name


def add_sampler(sampler: SamplerData) -> None:
    """Have one more sampler; one of the same name is replaced."""
    kept = [data for data in all_samplers if data.name != sampler.name]
    all_samplers[:] = [*kept, sampler]


def find_sampler_config(name: str | None) -> SamplerData | None:
    """The sampler of this name or alias, or of an old name with a schedule; None: the first."""
    if name is None:
        return all_samplers[0]
    found = all_samplers_map.get(name) or all_samplers_map.get(samplers_map.get(name.lower(), ""))
    if found is not None:
        return found
    try:
        line = resolve(name, "Automatic")[0]
    except UnknownName:
        return None
    return all_samplers_map.get(line.name) or data_of(line)


def create_sampler(name: str | None, model: Any) -> Any:
    """A sampler for a model. Raises: UnknownName."""
    config = find_sampler_config(name)
    if config is None:
        raise UnknownName("sampler_name", f"Sampler not found: {name!r}.")
    sampler = config.constructor(model)
    sampler.config = config
    return sampler


def visible_samplers() -> list[SamplerData]:
    """Those that menus show: extensions' as well."""
    known = {data.name for data in all_samplers}
    more = [data_of(line) for line in table() if line.name not in known]
    return [data for data in (*all_samplers, *more) if data.name not in samplers_hidden]


def visible_sampler_names() -> list[str]:
    """Their names."""
    return [data.name for data in visible_samplers()]


def get_sampler_and_scheduler(
    sampler_name: str | None, scheduler_name: str | None, *, convert_automatic: bool = True
) -> tuple[str, str]:
    """Names as menus have them; an old name with a schedule is split.

    Args: convert_automatic: a sampler's own schedule is called "Automatic".
    """
    try:
        line, schedule = resolve(sampler_name or all_samplers[0].name, scheduler_name or "Automatic")
    except UnknownName:
        return sampler_name or all_samplers[0].name, scheduler_name or "Automatic"
    own = convert_automatic and schedule.label == line.schedule
    return line.name, "Automatic" if own else schedule.label


def get_sampler_from_infotext(d: dict[str, Any]) -> str:
    """The sampler that a recipe names."""
    return get_sampler_and_scheduler(d.get("Sampler"), d.get("Schedule type"))[0]


def get_scheduler_from_infotext(d: dict[str, Any]) -> str:
    """The schedule that a recipe names."""
    return get_sampler_and_scheduler(d.get("Sampler"), d.get("Schedule type"))[1]


def get_hr_sampler_and_scheduler(d: dict[str, Any]) -> tuple[str, str]:
    """Sampler and schedule of the second pass that a recipe names; "Use same ..." where it names none."""
    hr_sampler, hr_scheduler = d.get("Hires sampler"), d.get("Hires schedule type")
    same_sampler, same_scheduler = (
        hr_sampler in (None, "Use same sampler"),
        hr_scheduler in (None, "Use same scheduler"),
    )
    sampler = d.get("Sampler") if same_sampler else hr_sampler
    scheduler = d.get("Schedule type") if same_scheduler else hr_scheduler
    sampler, scheduler = get_sampler_and_scheduler(sampler, scheduler)
    return (
        "Use same sampler" if same_sampler else sampler,
        "Use same scheduler" if same_scheduler else scheduler,
    )


def get_hr_sampler_from_infotext(d: dict[str, Any]) -> str:
    """The sampler of the second pass that a recipe names."""
    return get_hr_sampler_and_scheduler(d)[0]


def get_hr_scheduler_from_infotext(d: dict[str, Any]) -> str:
    """The schedule of the second pass that a recipe names."""
    return get_hr_sampler_and_scheduler(d)[1]


def fix_p_invalid_sampler_and_scheduler(p: Any) -> None:
    """Give `p` names that exist, where an old name with a schedule stands for both."""
    p.sampler_name, p.scheduler = get_sampler_and_scheduler(
        p.sampler_name, getattr(p, "scheduler", None), convert_automatic=False
    )


_fill()
