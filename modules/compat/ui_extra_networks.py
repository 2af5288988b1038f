"""`modules.ui_extra_networks` of the older UI: pages of networks. Those of extensions are listed in the library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modules.compat.extra_networks import get_user_metadata
from modules.compat.house import house, is_open
from modules.models.file_cache import FileVersion
from modules.networks.library_files import NetworkFile
from modules.networks.library_kinds import Insertion
from modules.networks.library_notes import NetworkNotes

extra_pages: list[ExtraNetworksPage] = []
allowed_dirs: set[str] = set()
default_allowed_preview_extensions = ["png", "jpg", "jpeg", "webp", "gif"]


def allowed_preview_extensions() -> list[str]:
    """Suffixes of pictures that may be previews."""
    return list(default_allowed_preview_extensions)


class ExtraNetworksPage:
    """A page of networks: extensions derive theirs from it and override `list_items`.

    Args: title: for people.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.name = title.lower()
        self.id_page = self.name.replace(" ", "_")
        self.extra_networks_tabname = self.id_page
        self.allow_prompt = self.allow_negative_prompt = True
        self.metadata: dict[str, Any] = {}
        self.items: dict[str, Any] = {}
        self.lister: Any = None

    def refresh(self) -> None:
        """Look for networks anew."""

    def list_items(self) -> Iterable[dict[str, Any]]:
        """One dict for each network: `name`, `filename`, `prompt`, `preview`, ..."""
        raise NotImplementedError

    def create_item(self, name: str, index: int | None = None, enable_filter: bool = True) -> dict[str, Any]:
        """The dict of one network."""
        raise NotImplementedError

    def allowed_directories_for_previews(self) -> list[str]:
        """Folders that previews may come from."""
        return []

    def read_user_metadata(self, item: dict[str, Any], use_cache: bool = True) -> None:
        """Put what the JSON file beside a network says into its dict."""
        item["user_metadata"] = get_user_metadata(item.get("filename"))

    def link_preview(self, filename: str) -> str:
        """The address of a preview's file."""
        from urllib.parse import quote

        return f"./file={quote(filename.replace(os.sep, '/'))}"

    def find_preview(self, path: str) -> str | None:
        """The address of the picture beside a network; None: there is none."""
        for suffix in allowed_preview_extensions():
            for candidate in (f"{path}.{suffix}", f"{path}.preview.{suffix}"):
                if os.path.isfile(candidate):
                    return self.link_preview(candidate)
        return None

    def find_description(self, path: str) -> str | None:
        """The text of `<path>.txt` or `<path>.description.txt`."""
        for candidate in (f"{path}.txt", f"{path}.description.txt"):
            try:
                return Path(candidate).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
        return None

    def find_embedded_preview(self, path: str, name: str, metadata: dict[str, Any]) -> str | None:
        """The small picture in a network's metadata, as a data URL."""
        found = metadata.get("ssmd_cover_images") or metadata.get("modelspec.thumbnail")
        return found if isinstance(found, str) else None

    def search_terms_from_path(self, filename: str, possible_directories: Sequence[str] | None = None) -> str:
        """The path below its folder: what a search looks at."""
        path = os.path.abspath(filename)
        for folder in possible_directories or self.allowed_directories_for_previews():
            below = os.path.abspath(folder)
            if path.startswith(below):
                return path[len(below) :].replace("\\", "/")
        return ""

    def get_sort_keys(self, path: str) -> dict[str, Any]:
        """What networks are sorted by."""
        try:
            status = os.stat(path)
        except OSError:
            return {"date_created": 0, "date_modified": 0, "name": "", "path": str(path).lower()}
        name = os.path.basename(path).lower()
        created, modified = int(status.st_ctime), int(status.st_mtime)
        return {"date_created": created, "date_modified": modified, "name": name, "path": str(path).lower()}


class OlderKind:
    """A page of networks of an extension in the library; see `networks.library_kinds.NetworkKind`."""

    def __init__(self, page: ExtraNetworksPage) -> None:
        self.page = page
        self.key = "".join(each if each.isalnum() else "_" for each in page.name.lower())
        self.title = page.title
        self._prompts: dict[str, tuple[str, str]] = {}
        self._files: tuple[NetworkFile, ...] | None = None

    def files(self) -> Sequence[NetworkFile]:
        """See `NetworkKind`."""
        if self._files is None:
            found = [self._file(item) for item in self.page.list_items() if item]
            self._files = tuple(file for file in found if file is not None)
        return self._files

    def refresh(self) -> None:
        """See `NetworkKind`."""
        self.page.refresh()
        self._files = None

    def insertion(self, file: NetworkFile, notes: NetworkNotes, weight: float) -> Insertion:
        """See `NetworkKind`."""
        prompt, negative = self._prompts.get(file.name, ("", ""))
        return Insertion(name=prompt, negative=negative)

    def known_hash(self, file: NetworkFile) -> str | None:
        """See `NetworkKind`."""
        return file.sha256[:10] if file.sha256 else None

    def hash(self, file: NetworkFile) -> str:
        """See `NetworkKind`."""
        return self.known_hash(file) or ""

    def _file(self, item: dict[str, Any]) -> NetworkFile | None:
        name, path = str(item.get("name", "")), Path(str(item.get("filename") or ""))
        if not name or not path.name:
            return None
        try:
            status = path.stat()
            version = FileVersion(str(path), status.st_size, status.st_mtime_ns)
        except OSError:
            version = FileVersion(str(path), 0, 0)
        preview = item.get("local_preview")
        notes = path.with_suffix(".json")
        self._prompts[name] = (_text(item.get("prompt")), _text(item.get("negative_prompt")))
        shown = Path(preview) if isinstance(preview, str) and os.path.isfile(preview) else None
        return NetworkFile(
            name=name,
            label=name,
            folder="",
            path=path,
            stem=path.stem,
            version=version,
            preview=shown,
            notes=notes,
            has_notes=notes.is_file(),
            description=str(item.get("description") or ""),
        )


def _text(value: Any) -> str:
    """A prompt as pages give it: a JavaScript string literal, or an expression with one at its beginning."""
    import json

    text = str(value or "")
    try:
        return str(json.JSONDecoder().raw_decode(text)[0]) if text.startswith('"') else text
    except ValueError:
        return text


def register_page(page: ExtraNetworksPage) -> None:
    """Have one more page; its networks are listed in the library."""
    extra_pages.append(page)
    allowed_dirs.update(map(str, page.allowed_directories_for_previews()))
    if is_open():
        own = {kind.key for kind in house().library.kinds() if not isinstance(kind, OlderKind)}
        kind = OlderKind(page)
        if kind.key not in own:
            house().library.add(kind)


def register_default_pages() -> None:
    """Nothing: the program's own pages are there."""


def initialize() -> None:
    """Forget the pages of extensions."""
    extra_pages.clear()


def pages_in_preferred_order(pages: Sequence[ExtraNetworksPage]) -> list[ExtraNetworksPage]:
    """The pages as they are."""
    return list(pages)


def add_pages_to_demo(app: Any) -> None:
    """Nothing: the program has its own routes for cards and previews."""


def quote_js(s: str) -> str:
    """A text as a JavaScript string literal."""
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def get_metadata(page: str = "", item: str = "") -> dict[str, Any]:
    """What the file of a network says about itself."""
    found = next((each for each in extra_pages if each.name == page), None)
    return {} if found is None else dict(found.metadata.get(item) or {})
