"""The VAE files that are there, and which of them a checkpoint is used with. Knows no torch."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from modules.faults import BadFile, UnknownName
from modules.models.catalogue import CHECKPOINT_SUFFIXES, VAE_SUFFIXES, Checkpoint
from modules.models.file_cache import SHA256, FileCache
from modules.models.model_folders import ModelFile, list_models, single_model

log = logging.getLogger(__name__)

AUTOMATIC = "Automatic"
NONE = "None"
_FIELD = "sd_vae"


@dataclass(frozen=True)
class VaeFile:
    """A file with a VAE.

    Args:
        name: the file's name with its suffix; of two files of one name the second has its `filename` here.
        filename: path below the folder that was searched, with `/`.
        sha256: of the whole file, or None while nobody has computed it.
    """

    name: str
    filename: str
    path: Path
    sha256: str | None = None

    @property
    def short_hash(self) -> str | None:
        """The first ten digits of the hash, as infotexts write it."""
        return self.sha256[:10] if self.sha256 else None


class VaeCatalogue:
    """Finds VAE files.

    Args:
        folders: folders of VAEs (`models/VAE`, `--vae-dir`), searched with their subfolders.
        cache: keeps the hashes.
        checkpoint_folders: here only files like `name.vae.safetensors` are VAEs.
        files: single files added to the list (`--vae-path`).
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        cache: FileCache,
        checkpoint_folders: tuple[Path, ...] = (),
        files: tuple[Path, ...] = (),
    ) -> None:
        self._folders = folders
        self._checkpoint_folders = checkpoint_folders
        self._files = files
        self._cache = cache
        self._lock = threading.Lock()
        self._vaes: list[VaeFile] | None = None

    def all(self) -> list[VaeFile]:
        """All VAEs: the single files, those of the VAE folders, those beside checkpoints. Each name is there once."""
        with self._lock:
            if self._vaes is None:
                self._vaes = self._scan()
            return list(self._vaes)

    def refresh(self) -> None:
        """Look at the folders anew."""
        with self._lock:
            self._vaes = None

    def find(self, name: str, field: str = _FIELD) -> VaeFile:
        """The VAE of this name, with or without suffix or subfolder, or of this hash (8 digits or more).

        The folders are looked at anew before a name is called unknown.

        Raises: UnknownName.
        """
        found = self._search(name)
        if found is None:
            self.refresh()
            found = self._search(name)
        if found is None:
            raise UnknownName(field, f"There is no VAE named {name!r}. Put its file into models/VAE.")
        return found

    def for_checkpoint(self, checkpoint: Checkpoint, chosen: str) -> VaeFile | None:
        """The VAE to use with a checkpoint; None: the one inside the checkpoint.

        Args:
            chosen: "None": the checkpoint's own; "Automatic": what the checkpoint's JSON file names under `vae`, else
                `<name of the checkpoint>.vae.*` beside it, else that in a VAE folder, else its own; or a VAE's name.

        Raises: UnknownName: no VAE of the chosen name.
        """
        wanted = chosen.strip().lower()
        if wanted == NONE.lower():
            return None
        if wanted != AUTOMATIC.lower():
            return self.find(chosen)
        noted = checkpoint.user_metadata().get("vae")
        if isinstance(noted, str) and noted.strip() and noted.strip().lower() != AUTOMATIC.lower():
            if noted.strip().lower() == NONE.lower():
                return None
            try:
                return self.find(noted)
            except UnknownName:
                log.warning("The notes of %s name the VAE %r, which is not there.", checkpoint.name, noted)
        return self._beside(checkpoint) or self._of_name(checkpoint)

    def with_hash(self, vae: VaeFile) -> VaeFile:
        """The VAE with its SHA-256, computed once for each version of the file.

        Raises: BadFile: the file can't be read.
        """
        if vae.sha256 is not None:
            return vae
        hashed = replace(vae, sha256=self._cache.sha256(vae.path))
        with self._lock:
            if self._vaes is not None:
                self._vaes = [hashed if v.path == hashed.path else v for v in self._vaes]
        return hashed

    def _beside(self, checkpoint: Checkpoint) -> VaeFile | None:
        """The VAE beside a checkpoint; asks the disk, as the checkpoint may lie outside of all folders."""
        for suffix in VAE_SUFFIXES:
            path = checkpoint.path.with_name(checkpoint.stem + suffix)
            if path.is_file():
                listed = next((vae for vae in self.all() if vae.path == path), None)
                return listed or VaeFile(path.name, path.name, path, self._cache.known_sha256(path))
        return None

    def _of_name(self, checkpoint: Checkpoint) -> VaeFile | None:
        """The VAE with a checkpoint's name in a VAE folder."""
        for suffix in VAE_SUFFIXES:
            for vae in self.all():
                in_vae_folder = any(vae.path.is_relative_to(folder) for folder in self._folders)
                if in_vae_folder and vae.path.name == checkpoint.stem + suffix:
                    return vae
        return None

    def _search(self, name: str) -> VaeFile | None:
        wanted = name.strip().replace("\\", "/")
        vaes = self.all()
        for vae in vaes:
            if wanted in (vae.name, vae.filename):
                return vae
        if re.fullmatch("[0-9a-fA-F]{8,64}", wanted):
            for vae in vaes:
                if vae.sha256 and vae.sha256.startswith(wanted.lower()):
                    return vae
        for vae in vaes:
            if wanted in (vae.path.as_posix(), vae.path.name, vae.path.stem):
                return vae
        for vae in vaes:
            if wanted.lower() in (vae.name.lower(), vae.filename.lower(), vae.path.stem.lower()):
                return vae
        return None

    def _scan(self) -> list[VaeFile]:
        models: list[ModelFile] = []
        # a link beside a checkpoint to a file in a VAE folder is a VAE of its own: infotexts may name it
        for path in self._files:
            try:
                models.append(single_model(path))
            except BadFile as error:
                log.warning("%s", error)
        models += list_models(self._folders, lambda name: name.endswith(CHECKPOINT_SUFFIXES))
        models += list_models(self._checkpoint_folders, lambda name: name.endswith(VAE_SUFFIXES))
        hashes = self._cache.all_of(SHA256)
        vaes: dict[str, VaeFile] = {}
        paths: set[Path] = set()
        for model in models:
            name = model.path.name if model.path.name not in vaes else model.filename
            if model.path in paths or name in vaes:
                continue
            paths.add(model.path)
            sha256 = hashes.get(model.version, {}).get("sha256")
            vaes[name] = VaeFile(name, model.filename, model.path, sha256)
        return list(vaes.values())
