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
from modules.models.vae_catalogue import VaeCatalogue, VaeFile

if TYPE_CHECKING:
    from modules.models.latent_diffusion import LatentDiffusion


class ModelStore:
    """Loads checkpoints when they are asked for. The one in use stays until its successor is loaded."""

    def __init__(
        self,
        catalogue: CheckpointCatalogue,
        compute: Callable[[], Compute],
        vaes: VaeCatalogue | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.vaes = vaes
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

    def get(
        self,
        name: str | None,
        announce: Callable[[str], None] = lambda what: None,
        vae: str = "Automatic",
    ) -> LatentDiffusion:
        """The model of this name, loaded if it isn't yet.

        Args:
            announce: called with the checkpoint's name before something that takes a while.
            vae: name of a VAE; "Automatic": one beside the checkpoint, else its own; "None": its own.

        Raises: UnknownName, BadFile; the model that was loaded before stays in use then.
        """
        with self._lock:
            checkpoint = self.resolve(name)
            vae_file = None if self.vaes is None else self.vaes.for_checkpoint(checkpoint, vae)
            if self._loaded is not None and _is(self._loaded, checkpoint, vae_file):
                return self._loaded
            announce(checkpoint.name)
            from modules.models.loader import load

            model = load(checkpoint, self._compute(), vae_file)
            # the hash last: a file that can't be loaded needs none
            self._loaded = replace(model, checkpoint=self.catalogue.with_hash(checkpoint))
            if vae_file is not None and self.vaes is not None:
                self._loaded = replace(self._loaded, vae_file=self.vaes.with_hash(vae_file))
            gc.collect()
            return self._loaded


def _is(model: LatentDiffusion, checkpoint: Checkpoint, vae: VaeFile | None) -> bool:
    return model.checkpoint.path == checkpoint.path and (
        (model.vae_file and model.vae_file.path) == (vae and vae.path)
    )
