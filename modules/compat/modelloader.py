"""`modules.modelloader` of the older UI: finds model files, and fetches one where an extension asks for it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modules.compat import util
from modules.faults import BadFile, InvalidField, NotPossibleNow
from modules.folders import temporary_of

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 60
_BLOCK = 1 << 20


def load_file_from_url(
    url: str,
    *,
    model_dir: str,
    progress: bool = True,
    file_name: str | None = None,
    hash_prefix: str | None = None,
) -> str:
    """Fetch a file into a folder, unless it is there; returns its path. It is there whole or not at all.

    Args: hash_prefix: with what its SHA-256 has to begin.

    Raises: InvalidField: no http(s) address; NotPossibleNow: it can't be fetched; BadFile: it has another hash.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise InvalidField("url", f"Only http and https addresses can be fetched, not {url[:100]!r}.")
    target = Path(model_dir).absolute() / Path(file_name or os.path.basename(parts.path)).name
    if target.is_file():
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(target)
    log.info("Fetching %s to %s", url, target)
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, open(temporary, "wb") as file:
            expected = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(_BLOCK):
                digest.update(block)
                file.write(block)
            size = file.tell()
        if expected and size != expected:
            raise NotPossibleNow(f"{target.name} came incomplete ({size} of {expected} bytes). Try again.")
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix.lower()):
            raise BadFile(target, "it is not the file that was expected (its hash is another).")
        os.replace(temporary, target)
    except (OSError, ValueError) as error:
        raise NotPossibleNow(f"{target.name} could not be fetched from {parts.netloc}: {error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return str(target)


def load_models(
    model_path: str,
    model_url: str | None = None,
    command_path: str | None = None,
    ext_filter: Sequence[str] | None = None,
    download_name: str | None = None,
    ext_blacklist: Sequence[str] | None = None,
) -> list[str]:
    """The model files in some folders; where there are none, the address of one that can be fetched.

    Args:
        model_path: the usual folder; command_path: one from the command line, which comes first.
        model_url: an address that is returned where there are no files; download_name: with it, the file is fetched.
        ext_filter: endings that are taken (".pt"); None: all. ext_blacklist: endings that are not.
    """
    places = [place for place in dict.fromkeys((command_path, model_path)) if place]
    refused = tuple(ext_blacklist or ())
    found: dict[str, None] = {}
    for place in places:
        if os.path.isfile(place):
            found[place] = None
        for path in util.walk_files(place, allowed_extensions=ext_filter) if os.path.isdir(place) else ():
            if not (os.path.islink(path) and not os.path.exists(path)) and not (
                refused and path.endswith(refused)
            ):
                found[path] = None
    if model_url is not None and not found:
        if download_name is not None:
            return [load_file_from_url(model_url, model_dir=places[0], file_name=download_name)]
        return [model_url]
    return list(found)


def friendly_name(file: str) -> str:
    """A file's or an address's name without folder and ending."""
    name = os.path.basename(urlsplit(file).path if file.startswith("http") else file)
    return os.path.splitext(name)[0]


def load_upscalers() -> None:
    """Make the upscalers of extensions anew."""
    from modules.compat import upscaler

    upscaler.forget()


def cleanup_models() -> None:
    """Nothing to do: models stay where the user put them."""


def move_files(src_path: str, dest_path: str, ext_filter: str | None = None) -> None:
    """Move the files of a folder into another; those that are there already stay."""
    os.makedirs(dest_path, exist_ok=True)
    for path in util.listfiles(src_path):
        target = os.path.join(dest_path, os.path.basename(path))
        if (ext_filter is None or ext_filter in os.path.basename(path)) and not os.path.exists(target):
            with contextlib.suppress(OSError):
                shutil.move(path, target)


def load_spandrel_model(
    path: str | os.PathLike[str],
    *,
    device: Any = None,
    prefer_half: bool = False,
    dtype: Any = None,
    expected_architecture: str | None = None,
) -> Any:
    """The model of an upscaler or face restorer: spandrel's descriptor.

    Args:
        device: where it is to be; None: the best there is. dtype: its precision; prefer_half: half, where it can.
        expected_architecture: another one is told in the log.

    Raises: BadFile, NotSupported.
    """
    import torch

    from modules.compat import devices
    from modules.imaging.architectures import load_model

    model = load_model(Path(path), devices._compute())
    if prefer_half and dtype is None and model.supports_half and model.device.type != "cpu":
        dtype = torch.half
    if device is not None or dtype is not None:
        model.to(*(one for one in (torch.device(device) if device else None, dtype) if one is not None))
    if expected_architecture and model.architecture.name != expected_architecture:
        log.warning(
            "%s is a model of %s, not %s.", Path(path).name, model.architecture.name, expected_architecture
        )
    model.model.eval()
    return model
