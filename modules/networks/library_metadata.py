"""What a network's file says of itself: its family and type for the card, and a summary for people who look closer.

Source: the keys that kohya's trainers (`ss_*`) and the model specification (`modelspec.*`) write.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modules.faults import BadFile
from modules.models.checkpoint_safetensors import metadata_of, read_header
from modules.models.file_cache import FileCache
from modules.networks.library_files import NetworkFile

FACTS = "network facts"
"""The kind of cache entry for `Facts`."""
MOST_TAGS = 60
_KEPT_TAGS = 12
_LONGEST_VALUE = 2_000
_LEFT_OUT = ("ss_tag_frequency", "ss_bucket_info", "modelspec.thumbnail", "ssmd_cover_images")
_SUMMARY = (
    ("modelspec.title", "Title"),
    ("modelspec.author", "Author"),
    ("modelspec.date", "Date"),
    ("modelspec.license", "License"),
    ("modelspec.description", "Description"),
    ("modelspec.trigger_phrase", "Trigger phrase"),
    ("modelspec.usage_hint", "Usage hint"),
    ("ss_output_name", "Name in training"),
    ("ss_sd_model_name", "Trained on"),
    ("ss_network_module", "Network module"),
    ("ss_network_dim", "Rank"),
    ("ss_network_alpha", "Alpha"),
    ("ss_resolution", "Resolution"),
    ("ss_num_train_images", "Training pictures"),
    ("ss_num_epochs", "Epochs"),
    ("ss_steps", "Steps"),
    ("ss_clip_skip", "Clip skip"),
    ("ss_learning_rate", "Learning rate"),
)
_ALGORITHMS = {"lora": "LoRA", "locon": "LoCon", "loha": "LoHa", "lokr": "LoKr", "ia3": "IA3", "oft": "OFT"}
_KEYS = (
    (".hada_w1_a", "LoHa"),
    (".lokr_w", "LoKr"),
    (".oft_", "OFT"),
    (".on_input", "IA3"),
    (".dora_scale", "DoRA"),
    (".lora_magnitude_vector", "DoRA"),
    (".lora_", "LoRA"),
    (".diff_b", "Full"),
)
_WIDTHS = {768: "SD1", 1024: "SD2", 2048: "SDXL", 1280: "SDXL"}


@dataclass(frozen=True)
class Facts:
    """What a card shows of a file's own data.

    Args: base: family of models; type: of network; alias: the name its training gave it; tags: the commonest ones.
    """

    base: str = ""
    type: str = ""
    alias: str = ""
    tags: tuple[str, ...] = ()


class FactsReader:
    """Reads facts, once for each state of a file, and keeps them between starts."""

    def __init__(self, cache: FileCache) -> None:
        self._cache = cache
        self._known = {
            version: _from_cache(value) for version, value in cache.all_of(FACTS).items() if value is not None
        }

    def known(self, file: NetworkFile) -> Facts | None:
        """The facts, if they were read before."""
        return self._known.get(file.version)

    def read(self, files: Iterable[NetworkFile]) -> None:
        """Read those that aren't known yet: one small read each."""
        new = []
        for file in files:
            if file.version in self._known:
                continue
            facts = self._known[file.version] = _facts(file)
            new.append((file.version, asdict(facts)))
        self._cache.put_many(FACTS, new)


def summarise(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Metadata for people: `summary` of names and values, `tags` with counts (the commonest), `raw` as it is.

    Long values of `raw` are cut off, and those that only programs can use are left out.
    """
    raw = {key: _short(value) for key, value in sorted(metadata.items()) if key not in _LEFT_OUT}
    summary = [[label, _short(metadata[key])] for key, label in _SUMMARY if _meant(metadata.get(key))]
    tags = _tag_counts(metadata.get("ss_tag_frequency", ""))
    return {"summary": summary, "tags": [list(item) for item in tags.most_common(MOST_TAGS)], "raw": raw}


def base_of(metadata: Mapping[str, str]) -> str:
    """The family of models, in the older UI's words (SD1, SD2, SDXL), else in the file's own; "" if it says nothing."""
    architecture = metadata.get("modelspec.architecture", "").split("/")[0].lower()
    told = architecture or metadata.get("ss_base_model_version", "").lower()
    if "xl" in told:
        return "SDXL"
    if "v2" in told or metadata.get("ss_v2") == "True":
        return "SD2"
    if "v1" in told or told.startswith("sd_1"):
        return "SD1"
    return told[:24]


def _facts(file: NetworkFile) -> Facts:
    if file.path.suffix.lower() != ".safetensors" or file.path.is_dir():
        return Facts()
    try:
        header = read_header(file.path)
    except BadFile:
        return Facts()
    metadata = metadata_of(header)
    tags = _tag_counts(metadata.get("ss_tag_frequency", ""))
    return Facts(
        base=base_of(metadata) or _base_of_embedding(header),
        type=_type(metadata, header),
        alias=metadata.get("ss_output_name", "") if metadata.get("ss_output_name") != file.stem else "",
        tags=tuple(tag for tag, _ in tags.most_common(_KEPT_TAGS)),
    )


def _type(metadata: Mapping[str, str], header: Mapping[str, Any]) -> str:
    try:
        arguments = json.loads(metadata.get("ss_network_args") or "{}")
    except (ValueError, RecursionError):
        arguments = {}
    algorithm = arguments.get("algo") if isinstance(arguments, dict) else None
    if isinstance(algorithm, str) and algorithm.lower() in _ALGORITHMS:
        return _ALGORITHMS[algorithm.lower()]
    return next((name for part, name in _KEYS if any(part in key for key in header)), "")


def _base_of_embedding(header: Mapping[str, Any]) -> str:
    tensors = {key: value for key, value in header.items() if key != "__metadata__"}
    if len(tensors) > 2:
        return ""
    if "clip_l" in tensors and "clip_g" in tensors:
        return "SDXL"
    found = tensors.get("emb_params", next(iter(tensors.values()), None) if len(tensors) == 1 else None)
    shape = found.get("shape") if isinstance(found, dict) else None
    return _WIDTHS.get(shape[-1], "") if isinstance(shape, list) and shape else ""


def _tag_counts(text: str) -> Counter[str]:
    """`ss_tag_frequency`: tags with counts by data set, as JSON."""
    counts: Counter[str] = Counter()
    try:
        sets = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return counts
    for tags in sets.values() if isinstance(sets, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, int) and tag.strip():
                counts[tag.strip()] += count
    return counts


def _from_cache(value: Mapping[str, Any]) -> Facts:
    def text(key: str) -> str:
        found = value.get(key)
        return found if isinstance(found, str) else ""

    tags = value.get("tags")
    return Facts(
        text("base"), text("type"), text("alias"), tuple(map(str, tags if isinstance(tags, list) else ()))
    )


def _meant(value: str | None) -> bool:
    return bool(value and value.strip() and value not in ("None", "null"))


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]} …"
