"""Merges checkpoints beside the queue: one at a time, in a thread of its own, with progress and an end on request."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from modules.faults import Fault, InvalidField, NotPossibleNow, NotSupported, UnknownName
from modules.folders import inside
from modules.models.catalogue import Checkpoint, CheckpointCatalogue
from modules.models.merge_recipe import MergeRecipe, Method, proposed_name
from modules.models.merging import MergeCancelled, merge

log = logging.getLogger(__name__)

Status = Literal["idle", "running", "done", "failed", "cancelled"]
SUFFIX = ".safetensors"
_BAD_CHARACTERS = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_LONGEST_NAME = 200


@dataclass(frozen=True)
class MergeOrder:
    """A merge as people ask for it: files by their names in the lists. See `MergeRecipe` for what the fields mean.

    Args:
        name: of the new checkpoint, below the folder of checkpoints; empty makes one from the sources' names.
        overwrite: a checkpoint of that name is replaced.
    """

    method: str
    primary: str
    secondary: str | None = None
    tertiary: str | None = None
    multiplier: float = 0.3
    half: bool = False
    format: str = "safetensors"
    vae: str | None = None
    discard: str = ""
    name: str = ""
    keep_metadata: bool = True
    save_recipe: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class MergeState:
    """How far the newest merge is.

    Args:
        number: counts the merges since the start; 0 while there was none.
        fraction: of the new file that is written; message: what is being done.
        seconds_left: None while nobody knows.
        filename: of the new checkpoint, as the lists call it.
        error, field: why it failed.
    """

    number: int = 0
    status: Status = "idle"
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    filename: str | None = None
    error: str | None = None
    field: str | None = None


class Merger:
    """Runs merges.

    Args:
        folder: where new checkpoints go.
        vaes: names and files of the VAEs that can be baked in.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: CheckpointCatalogue,
        vaes: Callable[[], Sequence[tuple[str, Path]]] = tuple,
    ) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._vaes = vaes
        self._lock = threading.Lock()
        self._state = MergeState()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    def state(self) -> MergeState:
        """How far the newest merge is."""
        return self._state

    def start(self, order: MergeOrder) -> MergeState:
        """Begin a merge.

        Raises:
            NotPossibleNow: another one is at work.
            UnknownName, InvalidField, NotSupported: by the names of the order's fields.
        """
        recipe, checkpoints, output = self._prepare(order)
        with self._lock:
            if self._state.status == "running":
                raise NotPossibleNow("Another merge is running. Wait until it is done, or cancel it.")
            self._cancel.clear()
            filename = output.relative_to(self._folder.resolve()).as_posix()
            self._state = MergeState(
                self._state.number + 1, "running", 0.0, "Reading the files", filename=filename
            )
            self._thread = threading.Thread(
                target=self._run, args=(recipe, checkpoints, output), name="merger", daemon=True
            )
            self._thread.start()
            return self._state

    def cancel(self) -> MergeState:
        """End the merge at work, if there is one; its file is taken away."""
        self._cancel.set()
        return self._state

    def wait(self, timeout: float | None = None) -> MergeState:
        """Wait until the newest merge is over."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._state

    def close(self, timeout: float = 10.0) -> None:
        """End within a tensor."""
        self.cancel()
        self.wait(timeout)

    def _prepare(self, order: MergeOrder) -> tuple[MergeRecipe, list[Checkpoint], Path]:
        method = cast("Method", order.method.strip().lower())
        count = {"weighted sum": 2, "add difference": 3}.get(method, 1)
        wanted = (("primary", order.primary), ("secondary", order.secondary), ("tertiary", order.tertiary))
        found = {field: self._catalogue.find(title, field) for field, title in wanted[:count] if title}
        if "primary" not in found:
            raise InvalidField("primary", "Choose checkpoint A.")
        paths = {field: checkpoint.path for field, checkpoint in found.items()}
        recipe = MergeRecipe(
            method=method,
            primary=paths["primary"],
            secondary=paths.get("secondary"),
            tertiary=paths.get("tertiary"),
            multiplier=order.multiplier,
            half=order.half,
            format=order.format,
            vae=self._vae(order.vae),
            discard=order.discard,
            keep_metadata=order.keep_metadata,
            save_recipe=order.save_recipe,
        )
        name = order.name.strip() or proposed_name(
            recipe.method, [checkpoint.name for checkpoint in found.values()], recipe.multiplier
        )
        output = self._output(name)
        if output.exists() and not order.overwrite:
            raise InvalidField(
                "name",
                f"There is a checkpoint {output.name} already. Choose another name, or allow replacing it.",
            )
        return replace(recipe, name=output.stem), list(found.values()), output

    def _vae(self, name: str | None) -> Path | None:
        if not name:
            return None
        for known, path in self._vaes():
            if name in (known, path.name):
                return path
        raise UnknownName("vae", f"There is no VAE named {name!r}. Put its file into models/VAE.")

    def _output(self, name: str) -> Path:
        """The new file of that name.

        Raises: InvalidField: it can't be a file's name, or lies elsewhere; NotSupported: it asks for a pickle.
        """
        if name.lower().endswith((".ckpt", ".pt")):
            raise NotSupported("Easel writes .safetensors files only. Leave the name's ending out.", "name")
        name = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
        if _BAD_CHARACTERS.search(name):
            raise InvalidField("name", "name can't hold any of < > : \" | ? * \\ or a line break.")
        for part in name.split("/"):
            if not part or part.startswith(".") or part != part.strip() or part.endswith("."):
                raise InvalidField("name", f"{name!r} can't be the name of a file. Choose another name.")
        if any(len(part.encode()) > _LONGEST_NAME for part in name.split("/")):
            raise InvalidField("name", f"name can't be longer than {_LONGEST_NAME} letters.")
        return inside(self._folder, name + SUFFIX, "name")

    def _run(self, recipe: MergeRecipe, checkpoints: Sequence[Checkpoint], output: Path) -> None:
        """The thread: whatever goes wrong ends this merge only."""
        try:
            if recipe.save_recipe:
                recipe = replace(recipe, hashes=self._hashes(checkpoints))
            self._set(message=f"Writing {output.name}")
            began = time.monotonic()
            merge(recipe, output, lambda fraction: self._show(fraction, began), self._cancel.is_set)
            self._catalogue.refresh()
            self._set(status="done", fraction=1.0, message=f"{output.name} is ready.", seconds_left=None)
        except MergeCancelled:
            self._set(status="cancelled", message="Cancelled. Nothing was kept.", seconds_left=None)
        except Fault as fault:
            self._fail(fault.message, fault.field)
        except MemoryError:
            self._fail("There is not enough memory for the largest tensor of these files.", None)
        except Exception as error:
            log.exception("Merging %s failed", output.name)
            self._fail(
                f"Something went wrong inside Easel ({type(error).__name__}). The log has the details.", None
            )

    def _hashes(self, checkpoints: Sequence[Checkpoint]) -> dict[Path, str]:
        """SHA-256 of the sources, by which the recipe names them. Computed once for each file."""
        hashes: dict[Path, str] = {}
        for checkpoint in checkpoints:
            if self._cancel.is_set():
                raise MergeCancelled
            self._set(message=f"Reading {checkpoint.filename}")
            hashes[checkpoint.path] = self._catalogue.with_hash(checkpoint).sha256 or ""
        return hashes

    def _show(self, fraction: float, began: float) -> None:
        spent = time.monotonic() - began
        left = spent / fraction * (1 - fraction) if fraction > 0.02 and spent > 1 else None
        self._set(fraction=fraction, seconds_left=left)

    def _fail(self, message: str, field: str | None) -> None:
        self._set(status="failed", error=message, field=field, message="", seconds_left=None)

    def _set(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
