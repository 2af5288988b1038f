"""Reads a network file of the LoRA family: its modules, the embeddings that come with it, what it says of itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from modules.faults import BadFile
from modules.models.checkpoint_file import TensorFile, open_tensors
from modules.networks.lora.deltas import SCALARS, TYPES, NetworkType, Parts, scale_of, type_of
from modules.networks.lora.keys import ModuleNames, Place, bundled_embedding, split_key
from modules.networks.lora.peft_config import PeftConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoraModule:
    """What a file adds to one module.

    Args:
        key: the module's name in the file.
        parts: tensors by part (see `keys.PARTS`), on the CPU, in the file's dtype.
        scale: see `deltas.scale_of`.
    """

    key: str
    kind: NetworkType
    parts: Parts
    scale: float

    def parts_on(self, device: torch.device) -> dict[str, Tensor]:
        """The parts in fp32 on a device; scalars stay on the CPU."""
        return {
            name: part.float() if name in SCALARS else part.to(device=device, dtype=torch.float32)
            for name, part in self.parts.items()
        }


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A network file in memory. Two readings of one file are different objects.

    Args:
        modules: by the file's names of them.
        embeddings: by name: tensors `[vectors, width]` by part: `*`, or `clip_l` and `clip_g`.
        unknown: keys that are no part of a network or of an embedding.
        metadata: what the training program wrote (`ss_*`, `modelspec.*`).
    """

    path: Path
    modules: Mapping[str, LoraModule]
    embeddings: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> LoraFile:
        """Read a file; its tensors are copied, so it may be replaced on the disk meanwhile.

        Raises: BadFile: it is damaged or no network file.
        """
        with open_tensors(path) as file:
            names: dict[str, dict[str, str]] = {}
            embeddings: dict[str, dict[str, Tensor]] = {}
            unknown = []
            for key in sorted(file.shapes):
                if embedded := bundled_embedding(key):
                    embeddings.setdefault(embedded[0], {})[embedded[1]] = _embedding(file, key)
                elif found := split_key(key):
                    names.setdefault(found[0], {})[found[1]] = key
                else:
                    unknown.append(key)
            modules, beside = {}, PeftConfig.beside(path)
            for module, keys in names.items():
                read = _module(file, module, keys, beside)
                if read is None:
                    unknown.extend(keys.values())
                else:
                    modules[module] = read
            if not modules and not embeddings:
                count = len(file.shapes)
                raise BadFile(
                    path, f"it is no network file: none of its {count} tensors is named like a part of one."
                )
            return cls(path, modules, embeddings, tuple(unknown), dict(file.metadata))

    @property
    def output_name(self) -> str | None:
        """The name that its training gave it."""
        return self.metadata.get("ss_output_name") or None

    @property
    def made_for(self) -> str | None:
        """The kind of model that it says it was made for, in its own words; None where it says nothing."""
        if (version := self.metadata.get("ss_base_model_version", "")) not in ("", "None"):
            return version
        if architecture := self.metadata.get("modelspec.architecture"):
            return architecture
        return {"True": "sd_v2", "False": "sd_v1"}.get(self.metadata.get("ss_v2", ""))


def _embedding(file: TensorFile, key: str) -> Tensor:
    vectors = file.tensor(key).float()
    vectors = vectors[None] if vectors.ndim == 1 else vectors
    if vectors.ndim != 2 or not vectors.isfinite().all():
        raise BadFile(file.path, f"its embedding {key} is no list of vectors.")
    return vectors.clone()


def _module(
    file: TensorFile, module: str, keys: Mapping[str, str], beside: PeftConfig | None
) -> LoraModule | None:
    """Read one module; None where its parts are of no type that is known.

    Raises: BadFile: a part is missing, or holds what it can't.
    """
    parts: dict[str, Tensor] = {}
    for part, key in keys.items():
        tensor = file.tensor(key)
        if tensor.dtype.is_complex:
            raise BadFile(file.path, f"{key} holds complex numbers.")
        if part in SCALARS and tensor.numel() != 1:
            raise BadFile(file.path, f"{key} should be one number but has the shape {list(tensor.shape)}.")
        if part not in SCALARS and not tensor.numel():
            raise BadFile(file.path, f"{key} is empty.")
        if not tensor.float().isfinite().all():
            raise BadFile(file.path, f"{key} holds values that are no numbers (NaN). Download it again.")
        if "lora_magnitude_vector" in key:
            # peft's magnitudes are those of the outputs, though a convolution's have the shape [1, out, 1, 1].
            tensor = tensor.flatten()
        parts[part] = tensor.clone()
    kind = type_of(parts)
    if kind is None:
        begun = next((kind for kind in TYPES if kind.begun(parts)), None)
        if begun is None:
            return None
        raise BadFile(
            file.path, f"{module} has {' and '.join(sorted(parts))}, but not all that a {begun.name} needs."
        )
    if "alpha" not in parts:
        alpha = _alpha_in_metadata(file.metadata, module)
        if alpha is None and beside is not None and "lora_down" in parts:
            alpha = beside.alpha(module, len(parts["lora_down"]))
        if alpha is not None:
            parts["alpha"] = torch.tensor(alpha)
    return LoraModule(module, kind, parts, scale_of(kind, parts))


def _alpha_in_metadata(metadata: Mapping[str, str], module: str) -> float | None:
    """The alpha of a file in diffusers' dialect: one number for a network, as `unet.lora_alpha` in its metadata."""
    text = metadata.get("lora_adapter_metadata")
    if text is None:
        return None
    try:
        return float(json.loads(text)[f"{module.split('.')[0]}.lora_alpha"])
    except (ValueError, TypeError, LookupError):
        return None


@dataclass(frozen=True)
class Match:
    """How a file fits a model.

    Args:
        modules: where each module goes.
        unmatched: how many keys and modules of the file have no place in the model; first_unmatched: one of them.
    """

    modules: tuple[tuple[Place, LoraModule], ...]
    unmatched: int = 0
    first_unmatched: str | None = None


def match(file: LoraFile, names: ModuleNames, family: str = "this model") -> Match:
    """Find the places of a file's modules in a model; what has none is left out, with one line in the log.

    Args: family: the kind of model, for the message.

    Raises: BadFile: it has modules, and none of them is in the model.
    """
    found = []
    lost = list(file.unknown)
    for key, module in file.modules.items():
        place = names.find(key)
        if place is None:
            lost.append(key)
        else:
            found.append((place, module))
    if file.modules and not found:
        made_for = f" ({file.made_for})" if file.made_for else ""
        raise BadFile(
            file.path,
            f"it is for another kind of model{made_for}: none of its {len(file.modules)} modules is in {family}.",
        )
    if lost:
        log.warning(
            "%s: %d of its keys have no place in the model, such as %s.", file.path.name, len(lost), lost[0]
        )
    return Match(tuple(found), len(lost), lost[0] if lost else None)
