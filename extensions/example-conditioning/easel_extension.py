"""The second pass of hires fix follows the prompt a little less, for calmer detail. Shows `conditioning`."""

from __future__ import annotations

from dataclasses import replace

from modules.plugins.hooks import Me, PassInfo, hookimpl
from modules.sampling.denoiser import Guidance

SHARE = 0.8


@hookimpl
def conditioning(guidance: Guidance, about: PassInfo, me: Me) -> Guidance | None:
    if about.stage == "first":
        return None
    return replace(guidance, cfg_scale=1 + (guidance.cfg_scale - 1) * SHARE)
