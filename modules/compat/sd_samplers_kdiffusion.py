"""`modules.sd_samplers_kdiffusion` of the older UI: samplers over a schedule of sigmas."""

from __future__ import annotations

from typing import Any

from modules.compat.sd_samplers_cfg_denoiser import CFGDenoiser
from modules.compat.sd_samplers_common import Sampler, SamplerData, setup_img2img_steps
from modules.sampling.catalogue import SAMPLERS
from modules.sampling.catalogue import Sampler as Line

__all__ = [
    "CFGDenoiser",
    "CFGDenoiserKDiffusion",
    "KDiffusionSampler",
    "k_diffusion_samplers_map",
    "sampler_extra_params",
    "samplers_data_k_diffusion",
    "samplers_k_diffusion",
    "setup_img2img_steps",
]

sampler_extra_params = {
    f"sample_{name}": ["s_churn", "s_tmin", "s_tmax", "s_noise"] for name in ("euler", "heun", "dpm_2")
} | {
    "sample_dpm_fast": ["s_noise"],
    "sample_dpm_2_ancestral": ["s_noise"],
    "sample_euler_ancestral": ["s_noise"],
}


class CFGDenoiserKDiffusion(CFGDenoiser):
    """The model with guidance, over sigmas."""


class KDiffusionSampler(Sampler):
    """A sampler over a schedule of sigmas.

    Args: funcname: a function of k-diffusion by its name, or a function of its kind
        `(model, x, sigmas, extra_args, callback, disable, ...)`; sd_model: that it is for.
    """

    def __init__(self, funcname: Any, sd_model: Any = None, options: dict[str, Any] | None = None) -> None:
        super().__init__(funcname, sd_model)
        self.extra_params = sampler_extra_params.get(funcname, []) if isinstance(funcname, str) else []
        self.options = options or {}
        self.model_wrap_cfg = CFGDenoiserKDiffusion(self)

    def get_sigmas(self, p: Any, steps: int) -> Any:
        """The schedule of a job, `[steps + 1]`."""
        from modules.compat.sd_samplers_running import sigmas_for

        return sigmas_for(self, p, steps)


def data_of(line: Line) -> SamplerData:
    """A line of the program's table."""

    def constructor(model: Any) -> Sampler:
        if line.over_timesteps:
            from modules.compat.sd_samplers_timesteps import CompVisSampler

            sampler: Sampler = CompVisSampler(line.function, model)
        else:
            sampler = KDiffusionSampler(line.call or line.function, model, dict(line.options()))
        sampler.config = data
        return sampler

    options = {
        name: value == "True" if value in ("True", "False") else value
        for name, value in line.options().items()
    }
    data = SamplerData(line.name, constructor, list(line.aliases), options)
    return data


samplers_data_k_diffusion = [data_of(line) for line in SAMPLERS if not line.over_timesteps]
samplers_k_diffusion = [
    (line.name, line.function, list(line.aliases), data.options)
    for line, data in zip(
        (line for line in SAMPLERS if not line.over_timesteps), samplers_data_k_diffusion, strict=True
    )
]
k_diffusion_samplers_map = {data.name: data for data in samplers_data_k_diffusion}
