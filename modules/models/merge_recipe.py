"""What is merged into a new checkpoint, and how the new file says so in its metadata. Knows no torch."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from modules.faults import InvalidField, NotSupported

Method = Literal["weighted sum", "add difference", "no interpolation"]
METHODS: tuple[Method, ...] = get_args(Method)
FARTHEST = 2.0
"""The largest multiplier, and below zero the smallest: beyond 0 to 1 is extrapolation, farther out is noise."""
LONGEST_PATTERN = 500


@dataclass(frozen=True)
class MergeRecipe:
    """One merge.

    Args:
        method: "weighted sum": A * (1 - M) + B * M; "add difference": A + (B - C) * M; "no interpolation": A.
        primary, secondary, tertiary: the files A, B and C. B is None without interpolation; C is used by "add
            difference" only.
        multiplier: M.
        half: floating-point tensors are stored as float16, and otherwise in A's dtype.
        format: "safetensors"; there is no other.
        vae: a file whose VAE takes the place of the merged one.
        discard: a regular expression; tensors in whose names it is found are left out.
        name: of the new checkpoint.
        keep_metadata: take over the metadata of the files (A's before B's before C's).
        save_recipe: write `sd_merge_recipe` and `sd_merge_models`, as the older UI does.
        hashes: SHA-256 of the files that are known, for the recipe.

    Raises:
        InvalidField: by the names of the fields above.
        NotSupported: another format.
    """

    method: Method
    primary: Path
    secondary: Path | None = None
    tertiary: Path | None = None
    multiplier: float = 0.3
    half: bool = False
    format: str = "safetensors"
    vae: Path | None = None
    discard: str = ""
    name: str = "merged"
    keep_metadata: bool = True
    save_recipe: bool = True
    hashes: Mapping[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InvalidField("method", f"method must be one of {', '.join(METHODS)}.")
        if self.method != "no interpolation" and self.secondary is None:
            raise InvalidField("secondary", f"Choose checkpoint B: {self.method} needs it.")
        if self.method == "add difference" and self.tertiary is None:
            raise InvalidField("tertiary", "Choose checkpoint C: add difference needs it.")
        if not (math.isfinite(self.multiplier) and abs(self.multiplier) <= FARTHEST):
            raise InvalidField("multiplier", f"multiplier must be between {-FARTHEST:g} and {FARTHEST:g}.")
        if self.format != "safetensors":
            raise NotSupported(
                "Easel writes .safetensors files only. A .ckpt file is a Python pickle, which can hold programs.",
                "format",
            )
        if len(self.discard) > LONGEST_PATTERN:
            raise InvalidField("discard", f"discard can't be longer than {LONGEST_PATTERN} characters.")
        try:
            re.compile(self.discard)
        except re.error as error:
            raise InvalidField("discard", f"discard is not a regular expression: {error}.") from None

    def sources(self) -> tuple[Path, ...]:
        """The files that the method uses, A first."""
        count = {"weighted sum": 2, "add difference": 3, "no interpolation": 1}[self.method]
        return tuple(
            path for path in (self.primary, self.secondary, self.tertiary)[:count] if path is not None
        )

    def discards(self, name: str) -> bool:
        """Whether a tensor of this name is left out."""
        return bool(self.discard) and re.search(self.discard, name) is not None


def proposed_name(method: Method, names: Sequence[str], multiplier: float) -> str:
    """A name for the merge of checkpoints of these names, as the older UI makes it: `0.7(a) + 0.3(b)`."""
    short = [name.rsplit("/", 1)[-1] for name in names]
    if method == "weighted sum":
        return f"{round(1 - multiplier, 4):g}({short[0]}) + {multiplier:g}({short[1]})"
    if method == "add difference":
        return f"{short[0]} + {multiplier:g}({short[1]} - {short[2]})"
    return f"{short[0]}-converted"


def merged_metadata(
    recipe: MergeRecipe, metadata: Sequence[Mapping[str, str]], in_channels: int | None
) -> dict[str, str]:
    """The metadata of the new file.

    Args:
        metadata: of the sources, A's first.
        in_channels: of the U-Net: 9 marks an inpainting model, 8 an instruct-pix2pix model.
    """
    made: dict[str, str] = {}
    if recipe.keep_metadata:
        for source in reversed(metadata):
            made.update(source)
        for stale in [key for key in made if key.startswith(("sd_merge_", "modelspec.hash"))]:
            del made[stale]
    made["format"] = "pt"
    made["modelspec.title"] = recipe.name
    if recipe.method != "no interpolation":
        made["modelspec.merged_from"] = ", ".join(path.stem for path in recipe.sources())
    if recipe.save_recipe:
        made["sd_merge_recipe"] = json.dumps(_older_recipe(recipe, in_channels))
        made["sd_merge_models"] = json.dumps(_older_models(recipe, metadata))
    return made


def _older_recipe(recipe: MergeRecipe, in_channels: int | None) -> dict[str, Any]:
    hashes = [recipe.hashes.get(path) for path in recipe.sources()]
    primary, secondary, tertiary = (*hashes, None, None)[:3]
    return {
        "type": "webui",
        "primary_model_hash": primary,
        "secondary_model_hash": secondary,
        "tertiary_model_hash": tertiary,
        "interp_method": recipe.method.capitalize(),
        "multiplier": recipe.multiplier,
        "save_as_half": recipe.half,
        "custom_name": recipe.name,
        "config_source": 0,  # the .yaml of the first file that has one
        "bake_in_vae": recipe.vae.name if recipe.vae else None,
        "discard_weights": recipe.discard,
        "is_inpainting": in_channels == 9,
        "is_instruct_pix2pix": in_channels == 8,
    }


def _older_models(recipe: MergeRecipe, metadata: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The sources by their hashes, and what the sources themselves were merged from."""
    models: dict[str, Any] = {}
    for path, known in zip(recipe.sources(), metadata, strict=True):
        if sha256 := recipe.hashes.get(path):
            models[sha256] = {
                "name": path.name,
                "legacy_hash": _legacy_hash(path),
                "sd_merge_recipe": _read(known, "sd_merge_recipe"),
            }
        before = _read(known, "sd_merge_models")
        models.update(before if isinstance(before, dict) else {})
    return models


def _read(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata.get(key, "null"))
    except (ValueError, RecursionError):
        return None


def _legacy_hash(path: Path) -> str | None:
    """The eight digits by which very old infotexts name a model: a hash over 64 KiB, one MiB into the file."""
    try:
        with open(path, "rb") as file:
            file.seek(0x100000)
            return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]
    except OSError:
        return None
