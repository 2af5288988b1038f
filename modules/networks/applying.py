"""Network tags put to work: which files they name, and their effect on a loaded model.

Every kind of tag has a `TagKind`; extensions may add more (see `Networks`). A kind's `set` gets all tags of its kind
in the prompt's order, also when there are none: then it takes off what it has put on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from modules.faults import InvalidField, UnknownName
from modules.networks.lora.block_weights import parse_block_weights
from modules.prompts.tags import NetworkTag

if TYPE_CHECKING:
    from torch import Tensor

    from modules.models.latent_diffusion import LatentDiffusion
    from modules.networks.hypernetwork_files import HypernetworkFile
    from modules.networks.hypernetworks import HypernetworkAdapter
    from modules.networks.lora.adapter import LoraAdapter, LoraUse
    from modules.networks.lora.catalogue import LoraCatalogue
    from modules.networks.names import FileNames

FIELD = "prompt"


@dataclass(frozen=True)
class Applied:
    """What a kind of network did to a model.

    Args:
        text_changed: the text encoders compute something else than before.
        infotext: what the recipe says of it.
        embeddings: vectors that exist while it acts, one tensor for each text encoder, by name.
    """

    text_changed: bool = False
    infotext: Mapping[str, str] = field(default_factory=dict)
    embeddings: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)


class TagKind(Protocol):
    """What one kind of tag means."""

    names: tuple[str, ...]
    """The words that stand for it: `<name:...>`."""

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """Cheap: nothing is loaded. Raises: Fault: a tag names what isn't there, or is written wrongly."""

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        """Make the model have just these. Raises: Fault: then nothing has changed."""


class Networks:
    """All kinds of tags. For one thread at a time, but for `check`.

    Args: kinds: the later one counts where two have the same name.
    """

    def __init__(self, kinds: Sequence[TagKind]) -> None:
        self._kinds = list(kinds)
        self._taken_off = False

    def add(self, kind: TagKind) -> None:
        """Add a kind (for extensions)."""
        self._kinds.append(kind)

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """Raises: UnknownName: a tag is of no known kind or names a file that isn't there; InvalidField."""
        by_kind = self._sorted(tags)
        for kind, of_kind in by_kind:
            kind.check(of_kind)

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> list[Applied]:
        """Make the model have the networks that the tags name, and no others.

        Raises: Fault; then all networks are off.
        """
        try:
            applied = [kind.set(model, of_kind) for kind, of_kind in self._sorted(tags)]
        except BaseException:
            self._taken_off = True
            for kind in self._kinds:
                kind.set(model, ())
            raise
        # nobody was told of what a fault has taken off
        told, self._taken_off = [Applied(text_changed=True)] if self._taken_off else [], False
        return [*applied, *told]

    def _sorted(self, tags: Sequence[NetworkTag]) -> list[tuple[TagKind, list[NetworkTag]]]:
        kinds = {name: kind for kind in self._kinds for name in kind.names}
        of_kind: dict[int, list[NetworkTag]] = {id(kind): [] for kind in self._kinds}
        for tag in tags:
            if tag.kind not in kinds:
                raise UnknownName(FIELD, f"{tag}: there is no kind of network called {tag.kind!r}.")
            of_kind[id(kinds[tag.kind])].append(tag)
        return [(kind, of_kind[id(kind)]) for kind in self._kinds]


def _weight(tag: NetworkTag, name: str, position: int, default: float) -> float:
    text = tag.argument(name, position)
    if text is None or not text.strip():
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 100:
        raise InvalidField(FIELD, f"{tag}: {text!r} is no weight. Write a number from -100 to 100.")
    return value


class LoraTags:
    """`<lora:name:weight>`, `<lora:name:text:unet:dyn>`, `<lyco:...>`, with `te=`, `unet=`, `dyn=`, `lbw=`."""

    names: tuple[str, ...] = ("lora", "lyco")

    def __init__(self, catalogue: LoraCatalogue) -> None:
        self._catalogue = catalogue
        self._adapter: LoraAdapter | None = None
        self._model: LatentDiffusion | None = None

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """See `TagKind`."""
        for tag in tags:
            if self._catalogue.find(tag.name) is None:
                raise UnknownName(
                    FIELD, f"{tag}: there is no Lora named {tag.name!r}. Put its file into models/Lora."
                )
            self._arguments(tag)

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        """See `TagKind`."""
        adapter = self._adapter_of(model, bool(tags))
        if adapter is None:
            return Applied()
        before = adapter.active
        uses, hashes = [], []
        for tag in tags:
            use, label = self._use(tag)
            uses.append(use)
            hashes.append(label)
        adapter.set(uses)
        texts = any(use.text_weight or use.file.embeddings for use in (*before, *uses))
        changed = before != adapter.active and texts
        infotext = {"Lora hashes": ", ".join(hashes)} if hashes else {}
        return Applied(changed, infotext, _bundled(uses))

    def _adapter_of(self, model: LatentDiffusion, wanted: bool) -> LoraAdapter | None:
        if self._model is model:
            return self._adapter
        if self._adapter is not None:  # the model that was used before may be kept for later
            self._adapter.set(())
            self._adapter = self._model = None
        if not wanted:
            return None
        from modules.networks.lora.adapter import LoraAdapter

        encoders = [tower.encoder for tower in model.texts]
        self._adapter, self._model = LoraAdapter(model.unet, encoders, model.family.name), model
        return self._adapter

    def _use(self, tag: NetworkTag) -> tuple[LoraUse, str]:
        from modules.networks.lora.adapter import LoraUse

        entry = self._catalogue.find(tag.name)
        if entry is None:  # it was there when the job was queued
            raise UnknownName(FIELD, f"{tag}: the file of {tag.name!r} is not in models/Lora any more.")
        file = self._catalogue.open(entry)
        label = f"{tag.name}: {self._catalogue.hash12(entry)}"
        return LoraUse(file, *self._arguments(tag)), label

    @staticmethod
    def _arguments(tag: NetworkTag) -> tuple[float, float, int | None, tuple[float, ...] | None]:
        text = _weight(tag, "te", 1, 1.0)
        unet = _weight(tag, "unet", 2, text if "te" not in dict(tag.named) else _weight(tag, "", 1, text))
        dyn = tag.argument("dyn", 3)
        if dyn is not None and not dyn.strip().isdecimal():
            raise InvalidField(FIELD, f"{tag}: dyn must be a whole number of ranks, not {dyn!r}.")
        blocks = tag.argument("lbw")
        return text, unet, int(dyn) if dyn else None, None if blocks is None else parse_block_weights(blocks)


def _bundled(uses: Sequence[LoraUse]) -> dict[str, tuple[Tensor, ...]]:
    """The embeddings inside the files: one tensor, or one for each of SDXL's text encoders."""
    found: dict[str, tuple[Tensor, ...]] = {}
    for use in uses:
        for name, parts in use.file.embeddings.items():
            order = ("clip_l", "clip_g") if "clip_l" in parts else tuple(parts)
            found[name] = tuple(parts[part] for part in order if part in parts)
    return found


class HypernetworkTags:
    """`<hypernet:name:weight>`."""

    names: tuple[str, ...] = ("hypernet",)

    def __init__(self, folders: Sequence[FileNames]) -> None:
        self._folders = folders
        self._read: dict[str, tuple[int, HypernetworkFile]] = {}
        self._adapter: HypernetworkAdapter | None = None
        self._model: LatentDiffusion | None = None

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """See `TagKind`."""
        for tag in tags:
            self._path(tag)
            _weight(tag, "weight", 1, 1.0)

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        """See `TagKind`."""
        if self._model is not model:
            if self._adapter is not None:
                self._adapter.set(())
            self._adapter = self._model = None
            if not tags:
                return Applied()
            from modules.networks.hypernetworks import HypernetworkAdapter

            self._adapter, self._model = HypernetworkAdapter(model.unet), model
        if self._adapter is not None:
            self._adapter.set([(self._file(tag), _weight(tag, "weight", 1, 1.0)) for tag in tags])
        return Applied()

    def _path(self, tag: NetworkTag) -> Path:
        wanted = tag.name.casefold()
        for folder in self._folders:
            files = folder.files()
            if tag.name in files:
                return files[tag.name]
            if found := next((path for name, path in files.items() if name.casefold() == wanted), None):
                return found
        raise UnknownName(
            FIELD,
            f"{tag}: there is no hypernetwork named {tag.name!r}. Put its file into models/hypernetworks.",
        )

    def _file(self, tag: NetworkTag) -> HypernetworkFile:
        from modules.networks.hypernetwork_files import read_hypernetwork

        path = self._path(tag)
        changed = path.stat().st_mtime_ns
        known = self._read.get(str(path))
        if known is None or known[0] != changed:
            known = self._read[str(path)] = (changed, read_hypernetwork(path))
        return known[1]
