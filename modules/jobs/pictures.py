"""The index of finished pictures: which file belongs to which job, and the next free number.

A row is written before its file and confirmed after it, so that neither a crash nor a full disk leaves a picture that
the index doesn't know or a row without a picture. The folder itself is never listed.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modules.faults import NotPossibleNow
from modules.folders import temporary_of, write_atomically
from modules.generation.results import GeneratedImage
from modules.generation.saving import SavingOptions
from modules.generation.serialization import kind_of
from modules.imaging.storage import FORMATS, FileFormat, picture_bytes
from modules.jobs.bin import Bin
from modules.jobs.database import Database
from modules.jobs.naming import folder_of, stem_of, values_of
from modules.jobs.picture_search import PictureSearch
from modules.jobs.queue import Job

log = logging.getLogger(__name__)

_SUFFIXES = {*FORMATS, "jpeg"}
_SAVED, _DELETED = 1, 2  # 0: a file is about to be written
_SEARCHED_AT_ONCE = 500
GRIDS = "grids"
"""The folder of grids in the outputs folder."""


@dataclass(frozen=True)
class Picture:
    """A saved picture.

    Args: path: below the outputs folder; number: its place in the job, from 0; created: seconds since 1970.
    """

    id: int
    job: int
    number: int
    path: str
    seed: int
    width: int
    height: int
    infotext: str
    complete: bool
    created: float

    @property
    def is_grid(self) -> bool:
        """It shows several pictures."""
        return self.path.startswith(f"{GRIDS}/")


class PictureIndex:
    """Saves pictures under `outputs/` and finds them again."""

    def __init__(self, database: Database, outputs: Path) -> None:
        self._db = database
        self.outputs = outputs
        self._bin = Bin(outputs)

    def save(self, job: Job, picture: GeneratedImage) -> Picture:
        """Write the picture and index it, as the request says: `<kind>/<date>/<number>-<seed>.png` if nothing else.

        Grids are a kind of their own.

        Raises: NotPossibleNow: the file can't be written (disk full, no permission).
        """
        options: SavingOptions = job.request.saving
        form = options.file_format(grid=picture.kind == "grid")
        how = form.suiting(picture.image.width, picture.image.height)
        values = values_of(job, picture)
        kind = GRIDS if picture.kind == "grid" else kind_of(job.request)
        folder, stem = "/".join(filter(None, (kind, folder_of(options, values)))), stem_of(options, values)
        with self._db.transaction() as db:
            path = self._free_path(db, folder, stem, options, how.name)
            row = db.execute(
                "INSERT INTO pictures (job, number, path, seed, width, height, infotext, complete, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    job.id,
                    picture.number,
                    path,
                    picture.seed,
                    picture.image.width,
                    picture.image.height,
                    picture.infotext,
                    picture.complete,
                    time.time(),
                ),
            ).fetchone()
        try:
            self._write(picture, self.outputs / path, how, options.text_file)
        except OSError as error:
            with self._db.transaction() as db:
                db.execute("DELETE FROM pictures WHERE id = ?", (row["id"],))
            reason = error.strerror or str(error)
            raise NotPossibleNow(f"The picture could not be saved under {self.outputs}: {reason}.") from error
        self._mark(row["id"], _SAVED)
        return _picture(row)

    def of_job(self, job_id: int) -> list[Picture]:
        """The job's saved pictures, in order."""
        return self._select("WHERE saved = 1 AND job = ? ORDER BY number", job_id)

    def next_number(self, job_id: int) -> int:
        """The place in its job of the picture that comes next; deleted ones count, too."""
        [row] = self._db.rows("SELECT MAX(number) AS last FROM pictures WHERE saved > 0 AND job = ?", job_id)
        return 0 if row["last"] is None else int(row["last"]) + 1

    def remove(self, picture_id: int) -> Picture | None:
        """Delete a picture; for a while `restore` brings it back. None: there is none.

        Raises: NotPossibleNow: its file can't be moved.
        """
        picture = self.get(picture_id)
        if picture is None:
            return None
        self._mark(picture.id, _DELETED)
        try:
            self._bin.take(picture.id, picture.path)
        except OSError as error:
            self._mark(picture.id, _SAVED)
            raise NotPossibleNow(f"{picture.path} can't be deleted: {error.strerror or error}.") from error
        return picture

    def restore(self, picture_id: int) -> Picture | None:
        """Bring a deleted picture back. None: there is none any more.

        Raises: NotPossibleNow: its file can't be moved.
        """
        picture = self._one(picture_id, _DELETED)
        if picture is None:
            return None
        try:
            moved = self._bin.give_back(picture.id, picture.path)
        except OSError as error:
            raise NotPossibleNow(f"{picture.path} can't be put back: {error.strerror or error}.") from error
        if not moved and not (self.outputs / picture.path).is_file():  # it is, where a crash came between
            return None
        self._mark(picture.id, _SAVED)
        return picture

    def recent(self, limit: int = 50, before: int | None = None) -> list[Picture]:
        """The newest pictures, newest first; `before` (an id) pages on."""
        if before is None:
            return self._select("WHERE saved = 1 ORDER BY id DESC LIMIT ?", limit)
        return self._select("WHERE saved = 1 AND id < ? ORDER BY id DESC LIMIT ?", before, limit)

    def search(self, search: PictureSearch, limit: int = 50, before: int | None = None) -> list[Picture]:
        """The newest pictures that are found, newest first; `before` (an id) pages on."""
        sieve = "".join(f" AND {column} = ?" for column, _ in search.numbers)
        sieve += " AND infotext LIKE ? ESCAPE '\\'" * len(search.needles)
        needles = [f"%{_escaped(needle)}%" for needle in search.needles]
        values = [*(number for _, number in search.numbers), *needles]
        condition = f"WHERE saved = 1 AND id < ?{sieve} ORDER BY id DESC LIMIT ?"
        found: list[Picture] = []
        last = 2**63 - 1 if before is None else before
        while len(found) < limit:
            looked_at = self._select(condition, last, *values, _SEARCHED_AT_ONCE)
            found += [picture for picture in looked_at if search.matches(picture)]
            if len(looked_at) < _SEARCHED_AT_ONCE:
                break
            last = looked_at[-1].id
        return found[:limit]

    def get(self, picture_id: int) -> Picture | None:
        """The picture, or None."""
        return self._one(picture_id, _SAVED)

    def _mark(self, picture_id: int, state: int) -> None:
        with self._db.transaction() as db:
            db.execute("UPDATE pictures SET saved = ? WHERE id = ?", (state, picture_id))

    def recover(self) -> None:
        """After a crash: confirm the rows whose file was written, forget the others with what was half written.

        What was deleted long ago goes for good.
        """
        for number in self._bin.empty():
            with self._db.transaction() as db:
                db.execute("DELETE FROM pictures WHERE saved = ? AND id = ?", (_DELETED, number))
        for row in self._db.rows("SELECT id, path FROM pictures WHERE saved = 0"):
            path = self.outputs / row["path"]
            temporary_of(path).unlink(missing_ok=True)
            written = path.exists()
            change = "UPDATE pictures SET saved = 1" if written else "DELETE FROM pictures"
            with self._db.transaction() as db:
                db.execute(f"{change} WHERE id = ?", (row["id"],))

    @staticmethod
    def _write(picture: GeneratedImage, path: Path, how: FileFormat, with_text: bool) -> None:
        write_atomically(path, picture_bytes(picture.image, picture.infotext, how))
        if with_text and picture.infotext:
            try:
                write_atomically(path.with_suffix(".txt"), f"{picture.infotext}\n".encode())
            except OSError as error:  # the picture is there, and its recipe in it
                log.warning("%s has no text file beside it: %s", path.name, error)

    def _free_path(
        self, db: sqlite3.Connection, folder: str, stem: str, options: SavingOptions, suffix: str
    ) -> str:
        """A path below the outputs folder that neither a row nor a file has; nothing is ever overwritten."""
        if options.numbered:
            name = "-".join(filter(None, (f"{self._next_number(db, folder):05d}", stem)))
            return f"{folder}/{name}.{suffix}"
        base = f"{folder}/{stem or 'picture'}"
        path = f"{base}.{suffix}"
        while self._is_taken(db, path):
            path = f"{base}-{self._count(db, base, lambda: 2)}.{suffix}"
        return path

    def _is_taken(self, db: sqlite3.Connection, path: str) -> bool:
        row = db.execute("SELECT 1 FROM pictures WHERE path = ?", (path,)).fetchone()
        return row is not None or (self.outputs / path).exists()

    def _next_number(self, db: sqlite3.Connection, folder: str) -> int:
        """The next free number of a folder; numbers taken by files of another index are left out."""
        return self._count(db, folder, lambda: self._first_number(folder))

    @staticmethod
    def _count(db: sqlite3.Connection, what: str, first: Callable[[], int]) -> int:
        """Counts up: a number that was not given out before for this folder or name."""
        row = db.execute("SELECT next FROM counters WHERE folder = ?", (what,)).fetchone()
        number = int(row["next"]) if row else first()
        db.execute("INSERT OR REPLACE INTO counters (folder, next) VALUES (?, ?)", (what, number + 1))
        return number

    def _first_number(self, folder: str) -> int:
        """Looks at the files once, when the index first sees a folder (a lost database, an older program's folder)."""
        files = (path for path in (self.outputs / folder).glob("*.*") if path.suffix[1:].lower() in _SUFFIXES)
        names = (path.stem.split("-")[0] for path in files)
        return max((int(name) for name in names if name.isdecimal() and len(name) < 16), default=-1) + 1

    def _one(self, picture_id: int, state: int) -> Picture | None:
        if not 0 < picture_id < 2**63:  # SQLite knows no other numbers
            return None
        found = self._select("WHERE saved = ? AND id = ?", state, picture_id)
        return found[0] if found else None

    def _select(self, condition: str, *values: object) -> list[Picture]:
        return [_picture(row) for row in self._db.rows(f"SELECT * FROM pictures {condition}", *values)]


def _escaped(text: str) -> str:
    """A text in which LIKE finds no wildcards."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(
        id=row["id"],
        job=row["job"],
        number=row["number"],
        path=row["path"],
        seed=row["seed"],
        width=row["width"],
        height=row["height"],
        infotext=row["infotext"],
        complete=bool(row["complete"]),
        created=row["created"],
    )


def describe(picture: Picture) -> dict[str, object]:
    """A picture as the page and other listeners see it."""
    return {
        "id": picture.id,
        "job": picture.job,
        "number": picture.number,
        "url": f"easel/pictures/{picture.id}",
        "file": picture.path,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "infotext": picture.infotext,
        "complete": picture.complete,
        "grid": picture.is_grid,
        "created": picture.created,
    }
