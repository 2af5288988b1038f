"""The worlds that a starter model can be trained on: which grounds, things, styles and skies there are in each.

World 1 is what the shipped model was trained on, and never changes: a seed gives the same scene as ever. World 2 is
wider, for the next training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .facts import Facts, sample_facts
from .ground import GROUNDS
from .objects import KINDS, Kind
from .styles import FILTERS, Filter
from .wide_facts import sample_wide
from .wide_objects import WIDE_KINDS
from .wide_styles import WIDE_FILTERS

SKY = ("sun", "moon", "stars", "clouds", "rain", "snow", "rainbow")


@dataclass(frozen=True)
class World:
    """A world.

    Attributes:
        kinds: Its kinds of things, by name.
        grounds: Its kinds of ground.
        styles: Its styles.
        sky: What can be in its sky.
        sample: Chooses the facts of a scene, with the frequencies from which a model shall learn.
        colourless: Styles in which a thing's colour can hardly be told.
        timeless: Styles in which the time of day can't be told.
        relations: Whether the judge is asked how many things there are and how two of them stand to each other.
    """

    kinds: dict[str, Kind]
    grounds: tuple[str, ...]
    styles: dict[str, Filter]
    sky: tuple[str, ...]
    sample: Callable[[np.random.Generator], Facts]
    colourless: tuple[str, ...] = ("pencil sketch",)
    timeless: tuple[str, ...] = ()
    relations: bool = False


WORLDS: dict[int, World] = {
    1: World(KINDS, tuple(GROUNDS), FILTERS, SKY, sample_facts),
    2: World(
        WIDE_KINDS,
        tuple(GROUNDS),
        WIDE_FILTERS,
        (*SKY, "fog", "storm"),
        sample_wide,
        ("pencil sketch", "blueprint"),
        ("blueprint",),
        relations=True,
    ),
}
