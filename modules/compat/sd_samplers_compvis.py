"""`modules.sd_samplers_compvis` of the older UI (of its first versions): the class for DDIM and PLMS."""

from __future__ import annotations

from modules.compat.sd_samplers_timesteps import CompVisSampler


class VanillaStableDiffusionSampler(CompVisSampler):
    """A sampler over timesteps, by its oldest name."""


samplers_data_compvis: list[object] = []
