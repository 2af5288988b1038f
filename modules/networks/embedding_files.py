"""Reads one textual-inversion embedding from any of the files that people have.

Formats, told apart by what is inside rather than by the suffix:

- `string_to_param`: `{"*": [vectors, width]}`, with `step`, `sd_checkpoint` and `sd_checkpoint_name` beside it (`.pt`,
  and the JSON in pictures);
- `clip_l` and `clip_g`: one tensor for each of SDXL's text encoders;
- `emb_params`, or a single tensor of any name: `[width]` or `[vectors, width]` (`.safetensors`, `.bin`).

Source: Gal et al., "An Image is Worth One Word" (2022).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.faults import BadFile
from modules.models.checkpoint_file import read_tensors
from modules.models.pickle_file import read_pickle
from modules.networks.embedding_pictures import PICTURE_SUFFIXES, read_picture
from modules.networks.file_size import size_of

PICKLE_SUFFIXES = (".pt", ".bin")
SUFFIXES = (*PICKLE_SUFFIXES, ".safetensors", *PICTURE_SUFFIXES)
LARGEST_PICKLE = 256 << 20
"""In bytes. 75 vectors for SDXL are 0.6 MB; what is far larger is no embedding, and isn't read at all."""


@dataclass(frozen=True)
class EmbeddingFile:
    """What is in an embedding's file.

    Args:
        vectors: `[n, width]` in float32, one for each text encoder that it is for (SDXL: CLIP-L, then OpenCLIP-G).
        step: of its training.
        checkpoint_hash, checkpoint_name: of the checkpoint it was trained on.
    """

    vectors: tuple[Tensor, ...]
    step: int | None = None
    checkpoint_hash: str | None = None
    checkpoint_name: str | None = None


def read_embedding(path: Path) -> EmbeddingFile:
    """The embedding in a file.

    Raises: BadFile: it holds none, or one that can't be used.
    """
    size = size_of(path)
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return parse_embedding(read_picture(path), path)
    if suffix not in PICKLE_SUFFIXES:
        return parse_embedding(read_tensors(path), path)
    if size > LARGEST_PICKLE:
        raise BadFile(path, "it is far too large for an embedding.")
    return parse_embedding(read_pickle(path), path)


def parse_embedding(data: object, path: Path) -> EmbeddingFile:
    """The embedding in the contents of a file.

    Args: data: a mapping with tensors, as it was read; path: for messages.

    Raises: BadFile: it is nothing of this kind.
    """
    if not isinstance(data, Mapping):
        raise BadFile(path, "it holds no embedding.")
    found = {place: embedding_vectors(tensor, path) for place, tensor in _tensors(data, path).items()}
    if len({len(vectors) for vectors in found.values()}) > 1:
        counts = " and ".join(f"{len(vectors)} for {place}" for place, vectors in found.items())
        raise BadFile(path, f"its parts have different numbers of vectors ({counts}).")
    return EmbeddingFile(
        tuple(found.values()),
        _integer(data.get("step")),
        _text(data.get("sd_checkpoint")),
        _text(data.get("sd_checkpoint_name")),
    )


def hash12(path: Path) -> str:
    """The first 12 digits of the file's SHA-256, as infotexts have it (`TI hashes`).

    Raises: BadFile: the file can't be read.
    """
    try:
        status = path.stat()
        return _hash12(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error


@lru_cache(maxsize=1024)
def _hash12(path: Path, changed: int, size: int) -> str:
    """The hash of a version of a file: every batch whose prompt names an embedding asks for it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:12]


def _tensors(data: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    """The tensor for each text encoder, as it was found."""
    if "string_to_param" in data:
        inner = data["string_to_param"]
        data = inner if isinstance(inner, Mapping) else {}
    elif isinstance(data.get("clip_g"), Tensor) and isinstance(data.get("clip_l"), Tensor):
        return {name: data[name] for name in ("clip_l", "clip_g")}
    elif isinstance(data.get("emb_params"), Tensor):
        return {"emb_params": data["emb_params"]}
    tensors = {str(name): tensor for name, tensor in data.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise BadFile(path, "it holds no embedding.")
    if len(tensors) > 1:
        raise BadFile(path, f"it holds {len(tensors)} tensors where an embedding has one.")
    return tensors


def embedding_vectors(tensor: Tensor, path: Path) -> Tensor:
    """A tensor, `[vectors, width]` or `[width]`, as `[vectors, width]` in float32 on the CPU.

    In memory of its own: that of a file may be mapped.

    Raises: BadFile: another shape, or numbers that aren't finite.
    """
    shape = list(tensor.shape)
    if tensor.ndim == 1:
        tensor = tensor[None]
    if tensor.ndim != 2 or not tensor.numel():
        raise BadFile(path, f"an embedding has the shape [vectors, width], not {shape}.")
    if tensor.is_complex():
        raise BadFile(path, "its vectors are complex numbers.")
    vectors = tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
    if not bool(vectors.isfinite().all()):
        raise BadFile(path, "some of its numbers are infinite or no numbers (NaN).")
    return vectors


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
