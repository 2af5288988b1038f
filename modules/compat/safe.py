"""`modules.safe` of the older UI: files with tensors are read, and nothing in them is ever run."""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modules.faults import NotSupported

log = logging.getLogger(__name__)

Handler = Callable[[str, str], Any]
global_extra_handler: Handler | None = None


def load(filename: Any, *args: Any, map_location: Any = None, **kwargs: Any) -> Any:
    """What a file of `torch.save` or a safetensors file holds: dicts, lists, numbers, texts, and tensors.

    Args: filename: a path, or an open file; map_location: where the tensors are to be; other arguments of `torch.load`
        are not heeded.

    Raises: BadFile: it is damaged, or wants to run something; the message says what.
    """
    where = map_location if map_location is not None else (args[0] if args else None)
    if hasattr(filename, "read"):
        return _placed(_read_open(filename), where)
    return _placed(_read(Path(os.fspath(filename))), where)


def load_with_extra(filename: Any, extra_handler: Handler | None = None, *args: Any, **kwargs: Any) -> Any:
    """The same. The handler would allow more classes: our reader makes none, so it isn't asked."""
    return load(filename, *args, **kwargs)


unsafe_torch_load = load
"""`torch.load` in the older UI; here it is as careful as the other."""


def check_pt(filename: str, extra_handler: Handler | None = None) -> None:
    """Raises: BadFile: the file is damaged, or wants to run something."""
    _read(Path(filename))


class Extra:
    """For `with`: would allow more classes within it; here it allows none. Args: handler: is not asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __enter__(self) -> None:
        global global_extra_handler
        global_extra_handler = self.handler

    def __exit__(self, *error: object) -> None:
        global global_extra_handler
        global_extra_handler = None


class RestrictedUnpickler(pickle.Unpickler):
    """Reads pickles of plain values, and refuses every class."""

    extra_handler: Handler | None = None

    def find_class(self, module: str, name: str) -> Any:
        """Raises: NotSupported."""
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        raise NotSupported(f"A pickle wants {module}.{name}, and nothing in a pickle is ever run here.")


def _read(path: Path) -> Any:
    with open(path, "rb") as file:
        start = file.read(9)
    # the header of a safetensors file is a JSON object behind its length
    if path.suffix.lower() == ".safetensors" or start[8:9] == b"{":
        from modules.models.checkpoint_file import read_tensors

        return read_tensors(path)
    from modules.models.pickle_file import read_pickle

    return read_pickle(path)


def _read_open(file: Any) -> Any:
    """What an open file holds, through a copy on disk: the reader wants a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.pt"
        path.write_bytes(file.read())
        found = _read(path)
        return _placed(found, None, copy=True)


def _placed(tree: Any, where: Any, copy: bool = False) -> Any:
    """The same with its tensors on a device. Args: where: as `torch.load` takes it; None: where they are."""
    import torch

    if isinstance(tree, torch.Tensor):
        target = where
        if callable(where):
            target = None  # a function of storages; ours are all on the CPU
        if isinstance(where, dict):
            target = where.get("cpu")
        moved = tree if target is None else tree.to(target)
        return moved.clone() if copy and moved is tree else moved
    if isinstance(tree, dict):
        return {key: _placed(value, where, copy) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_placed(value, where, copy) for value in tree)
    return tree
