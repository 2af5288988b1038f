"""Keeps the model that is in use loaded."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from modules.compute import Compute
from modules.faults import NotPossibleNow
from modules.models.catalogue import Checkpoint, CheckpointCatalogue

if TYPE_CHECKING:
    from modules.models.latent_diffusion import LatentDiffusion


class ModelStore:
    """Loads checkpoints when they are asked for. The one in use stays until its successor is loaded."""

    def __init__(self, catalogue: CheckpointCatalogue, compute: Callable[[], Compute]) -> None:
        self.catalogue = catalogue
        self._compute = compute
        self._lock = threading.Lock()
        self._loaded: LatentDiffusion | None = None

    @property
    def loaded(self) -> LatentDiffusion | None:
        """The model that is loaded now."""
        return self._loaded

    def resolve(self, name: str | None) -> Checkpoint:
        """The checkpoint of this name; None means the default one.

        Raises: UnknownName; NotPossibleNow: there is no checkpoint at all.
        """
        if name is not None:
            return self.catalogue.find(name)
        default = self.catalogue.default()
        if default is None:
            raise NotPossibleNow(
                "There is no checkpoint. Put a .safetensors file into models/Stable-diffusion."
            )
        return default

    def get(self, name: str | None, announce: Callable[[str], None] = lambda what: None) -> LatentDiffusion:
        """The model of this name, loaded if it isn't yet.

        Args: announce: called with the checkpoint's name before something that takes a while.

        Raises: UnknownName, BadFile; the model that was loaded before stays in use then.
        """
        with self._lock:
            checkpoint = self.resolve(name)
            if self._loaded is not None and self._loaded.checkpoint.path == checkpoint.path:
                return self._loaded
            announce(checkpoint.name)
            from modules.models.loader import load

            model = load(checkpoint, self._compute())
            # the hash last: a file that can't be loaded needs none
            self._loaded = replace(model, checkpoint=self.catalogue.with_hash(checkpoint))
            gc.collect()
            return self._loaded
