"""`modules.sd_samplers_timesteps` of the older UI: samplers over the model's own timesteps (DDIM, PLMS, UniPC)."""

from __future__ import annotations

from typing import Any

from modules.compat.sd_samplers_cfg_denoiser import CFGDenoiser
from modules.compat.sd_samplers_common import Sampler
from modules.sampling.catalogue import SAMPLERS


class CFGDenoiserTimesteps(CFGDenoiser):
    """The model with guidance, over timesteps."""


class CompVisSampler(Sampler):
    """A sampler over timesteps. Args: funcname: its name in the program's table."""

    eta_option_field, eta_default = "eta_ddim", 0.0

    def __init__(self, funcname: Any, sd_model: Any = None) -> None:
        super().__init__(funcname, sd_model)
        self.model_wrap_cfg = CFGDenoiserTimesteps(self)

    def get_timesteps(self, steps: int) -> Any:
        """The timesteps of so many steps, rising."""
        from modules.sampling.timestep_samplers import timesteps_for

        return timesteps_for(steps, 1000)


samplers_timesteps: list[tuple[str, str, list[str], dict[str, Any]]] = [
    (line.name, line.function, list(line.aliases), {}) for line in SAMPLERS if line.over_timesteps
]


def __getattr__(name: str) -> Any:
    if name == "samplers_data_timesteps":
        from modules.compat.sd_samplers_kdiffusion import data_of

        return [data_of(line) for line in SAMPLERS if line.over_timesteps]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
