"""Where the older UI's names meet the running program: the one global of this face.

`face.py` puts the services here when the program is built; the modules beside this one ask for them when an
extension uses a name, never when they are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modules.faults import NotPossibleNow
from modules.settings.model import Settings

if TYPE_CHECKING:
    from modules.folders import Folders
    from modules.generation.engine import Engine
    from modules.generation.upscaling import Tools
    from modules.imaging.inputs import InputStore
    from modules.jobs.events import EventHub
    from modules.jobs.pictures import PictureIndex
    from modules.jobs.queue import JobQueue
    from modules.jobs.worker import Worker
    from modules.models.catalogue import CheckpointCatalogue
    from modules.models.store import ModelStore
    from modules.models.vae_catalogue import VaeCatalogue
    from modules.networks.library import NetworkLibrary
    from modules.networks.lora.catalogue import LoraCatalogue
    from modules.plugins.manager import PluginManager
    from modules.prompts.style_book import StyleBook
    from modules.prompts.wildcards import Wildcards
    from modules.settings.store import SettingsStore


@dataclass(frozen=True)
class House:
    """The services of the running program; see `modules.app.Application`.

    Args: flags: what the command line says, by the names that it has in the older UI (`ckpt_dir`, `no_half`, ...).
    """

    folders: Folders
    settings: SettingsStore
    events: EventHub
    checkpoints: CheckpointCatalogue
    vaes: VaeCatalogue
    models: ModelStore
    inputs: InputStore
    queue: JobQueue
    pictures: PictureIndex
    engine: Engine
    worker: Worker
    library: NetworkLibrary
    loras: LoraCatalogue
    plugins: PluginManager
    styles: StyleBook
    wildcards: Wildcards
    extras: Tools
    flags: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_house: House | None = None


def enter(house: House | None) -> None:
    """Make these the services that the older names stand for (None: none any more)."""
    global _house
    _house = house


def house() -> House:
    """The services.

    Raises: NotPossibleNow: nothing runs, so the older names have nothing to stand for.
    """
    if _house is None:
        raise NotPossibleNow("Easel isn't running, so this name of the older UI means nothing yet.")
    return _house


def settings() -> Settings:
    """The present settings; the defaults while nothing runs."""
    return Settings() if _house is None else _house.settings.current


def is_open() -> bool:
    """Whether there are services."""
    return _house is not None
