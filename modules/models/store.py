"""Keeps models in memory: the one in use, and as many of those used before as are wanted.

When another checkpoint is asked for:

- The one in use stays until its successor is loaded, so a file that can't be loaded changes nothing.
- On a GPU the old one is moved into the memory of the CPU before, but only if there is no room for both on the card.
- Where even the memory of the CPU is short, older ones go first. The one in use goes before its successor is loaded
  only if that can't be helped and no job is running; its file's header has been read by then.
- Then all go that are beyond the limit, those first that were not used for the longest time. Their memory is given back
  at once, whoever still holds the object; while a job is running, at its end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modules.compute import Compute, free_memory, give_back_memory, is_out_of_memory
from modules.faults import NotPossibleNow
from modules.models.catalogue import Checkpoint, CheckpointCatalogue
from modules.models.vae_catalogue import VaeCatalogue, VaeFile

if TYPE_CHECKING:
    import torch

    from modules.models.latent_diffusion import LatentDiffusion

log = logging.getLogger(__name__)

RESERVE = 1 << 30
"""Bytes that stay free for computing when room for a model is looked for."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """A loaded model, and the version of its file."""

    model: LatentDiffusion
    version: tuple[int, int] | None

    def is_of(self, checkpoint: Checkpoint) -> bool:
        """Whether it is this checkpoint as it is on the disk now (or was, if its file is gone)."""
        version = _version(checkpoint.path)
        return self.model.checkpoint.path == checkpoint.path and version in (None, self.version)


class ModelStore:
    """Loads checkpoints when they are asked for, and keeps them. For any thread.

    Args:
        limit: how many checkpoints are kept at most; asked each time.
        free: free bytes of a device; None: nobody knows, then there is room.
    """

    def __init__(
        self,
        catalogue: CheckpointCatalogue,
        compute: Callable[[], Compute],
        vaes: VaeCatalogue | None = None,
        limit: Callable[[], int] = lambda: 1,
        free: Callable[[torch.device], int | None] = free_memory,
    ) -> None:
        self.catalogue = catalogue
        self.vaes = vaes
        self._compute = compute
        self._limit = limit
        self._free = free
        self._lock = threading.RLock()
        self._kept: list[_Kept] = []  # the one in use is the last
        self._users = 0
        self._let_go: list[LatentDiffusion] = []

    @property
    def loaded(self) -> LatentDiffusion | None:
        """The model that is in use, or was last; None: none is loaded."""
        kept = self._kept
        return kept[-1].model if kept else None

    @property
    def in_memory(self) -> list[Checkpoint]:
        """The checkpoints that are kept, the one in use last."""
        return [each.model.checkpoint for each in self._kept]

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
        """The model of this name, loaded if it isn't yet. If only the VAE is another, only that is loaded.

        Args:
            announce: called with the checkpoint's name before something that takes a while.
            vae: name of a VAE; "Automatic": one beside the checkpoint, else its own; "None": its own.

        Raises: UnknownName, BadFile; NotPossibleNow: memory is short. The model that was loaded before stays in use.
        """
        with self._lock:
            checkpoint = self.resolve(name)
            vae_file = None if self.vaes is None else self.vaes.for_checkpoint(checkpoint, vae)
            kept = next((each for each in self._kept if each.is_of(checkpoint)), None)
            if kept is None:
                announce(checkpoint.name)
                kept = self._load(checkpoint, vae_file)
            elif not _has_vae(kept.model, vae_file):
                announce(checkpoint.name)
                kept = self._with_vae(kept, vae_file)
            self._use(kept)
            return kept.model

    def reload(self, name: str | None = None) -> LatentDiffusion:
        """Load a checkpoint anew, even if it is loaded (None: the one in use, or the default one).

        Raises: see `get`.
        """
        with self._lock:
            loaded = self.loaded
            checkpoint = loaded.checkpoint if name is None and loaded is not None else self.resolve(name)
            old = [each for each in self._kept if each.model.checkpoint.path == checkpoint.path]
            vae_file = old[0].model.vae_file if old else None
            kept = self._load(checkpoint, vae_file)
            self._drop(old)
            self._use(kept)
            return kept.model

    def unload(self) -> None:
        """Give the memory of all models back; the next job loads again. A running job keeps its own to its end."""
        with self._lock:
            self._drop(list(self._kept))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this is open (a job is running), models that are let go keep their weights."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._empty_let_go()

    # -- one step each; the lock is held --

    def _use(self, kept: _Kept) -> None:
        """Make it the one in use, and let those go that are too many."""
        changed = not self._kept or self._kept[-1] is not kept
        self._kept = [each for each in self._kept if each is not kept] + [kept]
        too_many = self._kept[: -max(1, self._limit())]
        if too_many:
            self._drop(too_many)
        if changed and len(self._kept) > 1:
            self._rest_if_short(kept.model.compute, 0)

    def _load(self, checkpoint: Checkpoint, vae_file: VaeFile | None) -> _Kept:
        from modules.models.loader import load, size_of

        compute, version = self._compute(), _version(checkpoint.path)
        if self._kept:
            self._make_room(compute, size_of(checkpoint, compute))
        try:
            model = load(checkpoint, compute, vae_file)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise NotPossibleNow(
                f"There is not enough memory for {checkpoint.name}. Close other programs, keep fewer checkpoints in "
                "memory, or start with --medvram."
            ) from error
        # the hash last: a file that can't be loaded needs none
        return _Kept(self._hashed(replace(model, checkpoint=self.catalogue.with_hash(checkpoint))), version)

    def _with_vae(self, kept: _Kept, vae_file: VaeFile | None) -> _Kept:
        """The same model with another VAE."""
        from modules.models.loader import load_own_vae, load_vae

        old = kept.model
        if vae_file is None:
            vae = load_own_vae(old.checkpoint, old.family, old.compute)
        else:
            vae = load_vae(vae_file, old.family, old.compute)
        new = _Kept(self._hashed(replace(old, vae=vae, vae_file=vae_file)), kept.version)
        self._kept = [new if each is kept else each for each in self._kept]
        return new

    def _hashed(self, model: LatentDiffusion) -> LatentDiffusion:
        if model.vae_file is None or self.vaes is None:
            return model
        return replace(model, vae_file=self.vaes.with_hash(model.vae_file))

    def _make_room(self, compute: Compute, size: int) -> None:
        """Make room for a model of so many bytes as far as that is possible."""
        import torch

        self._rest_if_short(compute, size)
        memory = torch.device("cpu")
        on_card = compute.device.type != "cpu" and not compute.takes_turns
        while self._kept and not on_card and self._short(memory, size):
            if len(self._kept) == 1 and self._users:
                break  # the running job needs it; perhaps the system finds room
            log.info("Memory is short; %s goes.", self._kept[0].model.checkpoint.name)
            self._drop(self._kept[:1])

    def _rest_if_short(self, compute: Compute, size: int) -> None:
        """Move models off the card until there is room for so many bytes; they are moved back when they are used."""
        from modules.models.placement import rest

        if compute.device.type == "cpu" or compute.takes_turns:
            return
        resting = self._kept if size else self._kept[:-1]
        for each in resting:
            if not self._short(compute.device, size):
                return
            rest(each.model)
            give_back_memory()

    def _short(self, device: torch.device, size: int) -> bool:
        free = self._free(device)
        return free is not None and free < size + RESERVE

    def _drop(self, dropped: list[_Kept]) -> None:
        self._kept = [each for each in self._kept if each not in dropped]
        self._let_go += [each.model for each in dropped]
        self._empty_let_go()

    def _empty_let_go(self) -> None:
        if self._users or not self._let_go:
            return
        from modules.models.placement import empty

        for model in self._let_go:
            empty(model)
        self._let_go = []
        give_back_memory()


def _version(path: Path) -> tuple[int, int] | None:
    """What changes with a file; None: it isn't there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _has_vae(model: LatentDiffusion, vae: VaeFile | None) -> bool:
    return (model.vae_file and model.vae_file.path) == (vae and vae.path)
