"""`modules.rng_philox` of the older UI: the random numbers of Nvidia's cards, on any machine."""

from __future__ import annotations

from modules.sampling.philox import PhiloxGenerator


class Generator(PhiloxGenerator):
    """Normal random numbers of a seed: `randn(shape)`."""


__all__ = ["Generator"]
