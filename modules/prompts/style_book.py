"""The files with styles: `styles.csv` as the older UI writes it, one or several of them.

The format: CSV with the columns `name,prompt,negative_prompt` (older: `text` for `prompt`), UTF-8 with or
without a byte order mark, texts of several lines in quotes.
"""

from __future__ import annotations

import csv
import glob
import io
import logging
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.faults import BadFile, InvalidField, NotPossibleNow, UnknownName
from modules.folders import write_atomically
from modules.prompts.styles import Style

log = logging.getLogger(__name__)

COLUMNS = ("name", "prompt", "negative_prompt")
FILE_NAME = "styles.csv"
MAX_NAME_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 16_000


def read_styles(path: Path) -> list[Style]:
    """The styles of a file, in its order. Of a name that is there twice the last holds, at the first's place.

    Rows without a name are left out, missing columns are empty, further ones ignored.

    Raises: BadFile: not UTF-8, or no CSV file with a `name` column; OSError.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""))
        header = [cell.strip().lower() for cell in next(rows, [])]
        if header and "name" not in header:
            raise BadFile(path, f"its first line must be {','.join(COLUMNS)}.")
        styles = [_style(dict(zip(header, row, strict=False))) for row in rows]
    except UnicodeDecodeError:
        raise BadFile(path, "it is not UTF-8 text.") from None
    except csv.Error as error:
        raise BadFile(path, f"it is not a CSV file ({error}).") from None
    return list({style.name: style for style in styles if style.name}.values())


def _style(cells: dict[str, str]) -> Style:
    prompt = cells.get("prompt", cells.get("text", ""))
    return _tidy(Style(cells.get("name", ""), prompt, cells.get("negative_prompt", "")))


def _tidy(style: Style) -> Style:
    """A name without space around it, and one kind of line ends."""
    prompt, negative = (text.replace("\r\n", "\n") for text in (style.prompt, style.negative_prompt))
    return Style(style.name.strip(), prompt, negative)


def styles_as_csv(styles: Iterable[Style]) -> bytes:
    """The contents of a file with these styles, as the older UI writes it (with a byte order mark)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows((style.name, style.prompt, style.negative_prompt) for style in styles)
    return text.getvalue().encode("utf-8-sig")


@dataclass(frozen=True)
class _Read:
    """What a file said when it had this state (time of change, size); `broken`: it could not be read."""

    state: tuple[int, int] | None
    styles: tuple[Style, ...] = ()
    broken: bool = False


class StyleBook:
    """All styles of some files. Safe to use from several threads; a changed file is read again.

    Of a name that is in several files, the last file's holds. A style is changed in the file that it came
    from; new ones go to the first file. A file's last version stays beside it (`styles.csv.bak`), and one
    that could not be read is kept as `styles.csv.broken` before anything is written in its place.

    Args: files: paths, in which `*`, `?` and `**` may stand for several `.csv` files. None has to exist.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        if not files:
            raise ValueError("at least one file is needed")
        self._patterns = tuple(files)
        self._known: dict[Path, _Read] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Style]:
        return iter(self.all())

    def files(self) -> list[Path]:
        """The files, the one for new styles first; that need not exist."""
        found = [path for pattern in self._patterns for path in _matching(pattern)]
        return list(dict.fromkeys(found)) or [self._patterns[0].parent / FILE_NAME]

    def entries(self) -> list[tuple[Style, Path]]:
        """Every style with the file that it came from, in the files' order."""
        with self._lock:
            return list(self._entries().values())

    def all(self) -> list[Style]:
        """Every style."""
        return [style for style, _ in self.entries()]

    def find(self, names: Iterable[str]) -> list[Style]:
        """The styles with these names, in this order. "None" is no style, as in the older UI.

        Raises: UnknownName: there is none with a name.
        """
        with self._lock:
            entries = self._entries()
        wanted = [name for name in names if name in entries or name not in ("", "None")]
        for name in wanted:
            if name not in entries:
                raise UnknownName("styles", f"There is no style named {_brief(name)}.")
        return [entries[name][0] for name in wanted]

    def put(self, style: Style) -> tuple[Style, Path]:
        """Add a style, or change the one with its name; returns it as it is kept, and its file.

        Raises: InvalidField: no name, or a text that can't be kept; NotPossibleNow: the file can't be written.
        """
        style = _tidy(style)
        _check(style)
        with self._lock:
            entries = self._entries()
            path = entries[style.name][1] if style.name in entries else self.files()[0]
            styles = {other.name: other for other in self._read(path).styles}
            self._write(path, [*({**styles, style.name: style}).values()])
        return style, path

    def remove(self, name: str) -> None:
        """Take a style out of every file that has it.

        Raises: UnknownName: there is none; NotPossibleNow: a file can't be written.
        """
        with self._lock:
            if name not in self._entries():
                raise UnknownName("name", f"There is no style named {_brief(name)}.")
            for path in self.files():
                styles = self._read(path).styles
                kept = [style for style in styles if style.name != name]
                if len(kept) < len(styles):
                    self._write(path, kept)

    def _entries(self) -> dict[str, tuple[Style, Path]]:
        return {style.name: (style, path) for path in self.files() for style in self._read(path).styles}

    def _read(self, path: Path) -> _Read:
        known, state = self._known.get(path), _state(path)
        if known is None or known.state != state:
            known = self._known[path] = self._read_now(path, state)
        return known

    def _read_now(self, path: Path, state: tuple[int, int] | None) -> _Read:
        try:
            return _Read(state, tuple(read_styles(path)) if state else ())
        except BadFile as fault:
            log.warning("%s Its styles are left out.", fault.message)
        except OSError as error:
            log.warning("%s can't be read (%s); its styles are left out.", path.name, error.strerror)
        return _Read(state, broken=True)

    def _write(self, path: Path, styles: list[Style]) -> None:
        try:
            if path.exists():
                shutil.copyfile(path, _aside(path) if self._known[path].broken else _with(path, ".bak"))
            write_atomically(path, styles_as_csv(styles))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise NotPossibleNow(f"{path.name} can't be written: {reason}. Nothing was changed.") from None
        self._known[path] = _Read(_state(path), tuple(styles))


def _matching(pattern: Path) -> list[Path]:
    """The files that a path with wildcards stands for; a path without them stands for itself."""
    if pattern.is_file() or not any(mark in str(pattern) for mark in "*?"):
        return [pattern]
    found = (Path(name) for name in glob.glob(str(pattern), recursive=True))
    return sorted(path for path in found if path.suffix.lower() == ".csv" and path.is_file())


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _aside(path: Path) -> Path:
    """A name for a broken file that nothing has yet."""
    names = (".broken", *(f".broken{number}" for number in range(2, 1000)))
    return next((free for name in names if not (free := _with(path, name)).exists()), _with(path, ".broken"))


def _brief(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")


def _check(style: Style) -> None:
    if not style.name or len(style.name) > MAX_NAME_CHARACTERS or any(mark < " " for mark in style.name):
        raise InvalidField(
            "name", f"A style needs a name of one line, {MAX_NAME_CHARACTERS} characters at most."
        )
    for field in COLUMNS:
        text = getattr(style, field)
        if len(text) > MAX_TEXT_CHARACTERS:
            raise InvalidField(field, f"A style's text can have {MAX_TEXT_CHARACTERS:,} characters at most.")
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidField(field, "The style holds a character that is no text. Remove it.")
