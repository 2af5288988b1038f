"""Reads the files that a checkpoint, LoRA, embedding or VAE comes in: their tensors and their metadata.

Safetensors files, pickles (`.ckpt`, `.pt`, `.pth`, `.bin`) and diffusers folders. What a file is, its first bytes say,
not its name. Knows no torch before a tensor is wanted.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from modules.faults import BadFile
from modules.models.checkpoint_safetensors import MAX_HEADER, SafetensorsFile, metadata_of, read_header
from modules.models.checkpoint_tensors import RenamedTensors, TensorFile

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "PICKLE_SUFFIXES",
    "SUFFIXES",
    "TensorFile",
    "open_tensors",
    "open_vae",
    "read_header",
    "read_metadata",
    "read_tensors",
]

SUFFIXES = (".safetensors",)
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")

_PICKLE = "pickle"
_SAFETENSORS = "safetensors"


def open_tensors(path: Path) -> TensorFile:
    """The tensors of a file or a diffusers folder, none of them read yet.

    Raises: BadFile: with the reason in one sentence.
    """
    if path.is_dir():
        from modules.models.diffusers_folder import open_folder

        return open_folder(path, _open_file)
    return _open_file(path)


def open_vae(path: Path) -> TensorFile:
    """The tensors of a file that holds a VAE alone, under the original names without prefix.

    The file may have the original names, with or without `first_stage_model.`, or those of diffusers.

    Raises: BadFile: it can't be read, or holds no VAE.
    """
    from modules.models.diffusers_keys import vae_names, vae_shape

    file = _open_file(path)
    names = vae_names(file.shapes)
    if not names:
        file.close()
        raise BadFile(path, "it holds no VAE.")
    return RenamedTensors(
        path,
        file.metadata,
        sources={ours: (file, theirs) for ours, theirs in names.items()},
        shapes={ours: vae_shape(ours, file.shapes[theirs]) for ours, theirs in names.items()},
        files=(file,),
    )


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file or folder: `modelspec.*` and others; none for pickles, which have none.

    Raises: BadFile.
    """
    if path.is_dir():
        from modules.models.diffusers_folder import folder_metadata

        return folder_metadata(path)
    return metadata_of(read_header(path)) if _kind(path) == _SAFETENSORS else {}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors by name, on the CPU, memory-mapped where that is possible.

    Raises: BadFile.
    """
    with open_tensors(path) as file:
        return {name: file.tensor(name) for name in file.shapes}


def _open_file(path: Path) -> TensorFile:
    if _kind(path) == _SAFETENSORS:
        return SafetensorsFile(path)
    from modules.models.pickle_file import PickleFile

    return PickleFile(path)


def _kind(path: Path) -> str:
    """What a file is, by its first bytes.

    Raises: BadFile: it can't be read, is empty, or is something else altogether.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(512)
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    if not start:
        raise BadFile(path, "the file is empty. Download it again.")
    if start[:4] == b"PK\x03\x04" or (start[0] == 0x80 and start[1:2] <= b"\x05"):
        # 0x80 may begin a safetensors file too, as the lowest byte of its header's length
        return _SAFETENSORS if _is_safetensors(start) else _PICKLE
    if _is_safetensors(start):
        return _SAFETENSORS
    wanted = "checkpoint" if path.suffix.lower() in PICKLE_SUFFIXES else "safetensors"
    if start.lstrip()[:1] == b"<":
        raise BadFile(path, f"it is no {wanted} file but a web page. Download it again.")
    if start.startswith(b"version https://git-lfs"):
        raise BadFile(path, f"it is no {wanted} file but a Git LFS pointer to one. Download the real file.")
    if start[257:262] == b"ustar":
        raise BadFile(path, "it is in a format from before PyTorch 0.1.10. Get it as .safetensors.")
    # the oldest pickles begin with anything
    return _PICKLE if path.suffix.lower() in PICKLE_SUFFIXES else _SAFETENSORS


def _is_safetensors(start: bytes) -> bool:
    return len(start) > 8 and struct.unpack("<Q", start[:8])[0] <= MAX_HEADER and start[8:9] == b"{"
