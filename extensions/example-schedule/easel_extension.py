"""A schedule whose sigmas fall along a cosine. Shows `schedules`."""

from __future__ import annotations

import math

from modules.plugins.hooks import Me, Schedule, hookimpl


def cosine(steps: int, lowest: float, highest: float) -> list[float]:
    shares = [0.5 + 0.5 * math.cos(math.pi * i / steps) for i in range(steps)]
    return [lowest * (highest / lowest) ** share for share in shares]


@hookimpl
def schedules(me: Me) -> list[Schedule]:
    return [Schedule("example_cosine", "Cosine", cosine)]
