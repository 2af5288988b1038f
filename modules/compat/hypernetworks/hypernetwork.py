"""`modules.hypernetworks.hypernetwork` of the older UI: the hypernetworks' files. Tags in prompts apply them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.compat.house import house, is_open
from modules.compat.sd_checkpoints import LiveDict
from modules.faults import NotPossibleNow
from modules.networks.names import FileNames


def list_hypernetworks(path: str | Path) -> dict[str, str]:
    """Name to path of the files in a folder and below it."""
    return {name: str(found) for name, found in FileNames(Path(path), (".pt",)).files().items()}


def _all() -> dict[str, str]:
    folders = house().folders.hypernetwork_folders() if is_open() else ()
    return {name: path for folder in reversed(folders) for name, path in list_hypernetworks(folder).items()}


hypernetworks = LiveDict(_all)
loaded_hypernetworks: list[Any] = []


def load_hypernetwork(name: str) -> Any:
    """A hypernetwork's file, read; None where there is none of that name. Raises: BadFile."""
    from modules.networks.hypernetwork_files import read_hypernetwork

    path = hypernetworks.get(name)
    return None if path is None else read_hypernetwork(Path(path))


def load_hypernetworks(names: list[str], multipliers: list[float] | None = None) -> None:
    """Put hypernetworks on the model until the next job, which puts on those that its prompt names.

    Raises: Fault.
    """
    from modules.compat.extra_networks import ExtraNetworkParams, activate

    weights = multipliers or [1.0] * len(names)
    params = [ExtraNetworkParams([name, str(weight)]) for name, weight in zip(names, weights, strict=False)]
    activate(None, {"hypernet": params})


def apply_hypernetworks(hypernetworks: Any, context: Any, layer: Any = None) -> tuple[Any, Any]:
    """The context for keys and for values, unchanged: the attention layers apply hypernetworks themselves."""
    return context, context


def create_hypernetwork(*args: Any, **kwargs: Any) -> None:
    """Raises: NotPossibleNow: always."""
    raise NotPossibleNow("Easel makes no new hypernetworks.")


def train_hypernetwork(*args: Any, **kwargs: Any) -> None:
    """Raises: NotPossibleNow: always."""
    raise NotPossibleNow("Easel trains no hypernetworks.")
