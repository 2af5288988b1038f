"""The index of finished pictures: which file belongs to which job, and the next free number.

A row is written before its file and confirmed after it, so that neither a crash nor a full disk leaves a picture that
the index doesn't know or a row without a picture. The folder itself is never listed.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modules.faults import NotPossibleNow
from modules.folders import temporary_of
from modules.generation.results import GeneratedImage
from modules.generation.serialization import kind_of
from modules.imaging.storage import save_png
from modules.jobs.database import Database
from modules.jobs.queue import Job

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

    def save(self, job: Job, picture: GeneratedImage) -> Picture:
        """Write the picture as `<kind>/<date>/<number>-<seed>.png` and index it; grids are a kind of their own.

        Raises: NotPossibleNow: the file can't be written (disk full, no permission).
        """
        kind = GRIDS if picture.kind == "grid" else kind_of(job.request)
        folder = f"{kind}/{datetime.now():%Y-%m-%d}"
        with self._db.transaction() as db:
            number = self._next_number(db, folder)
            path = f"{folder}/{number:05d}-{picture.seed}.png"
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
            save_png(picture.image, self.outputs / path, picture.infotext)
        except OSError as error:
            with self._db.transaction() as db:
                db.execute("DELETE FROM pictures WHERE id = ?", (row["id"],))
            reason = error.strerror or str(error)
            raise NotPossibleNow(f"The picture could not be saved under {self.outputs}: {reason}.") from error
        with self._db.transaction() as db:
            db.execute("UPDATE pictures SET saved = 1 WHERE id = ?", (row["id"],))
        return _picture(row)

    def of_job(self, job_id: int) -> list[Picture]:
        """The job's saved pictures, in order."""
        return self._select("WHERE saved = 1 AND job = ? ORDER BY number", job_id)

    def recent(self, limit: int = 50, before: int | None = None) -> list[Picture]:
        """The newest pictures, newest first; `before` (an id) pages on."""
        if before is None:
            return self._select("WHERE saved = 1 ORDER BY id DESC LIMIT ?", limit)
        return self._select("WHERE saved = 1 AND id < ? ORDER BY id DESC LIMIT ?", before, limit)

    def get(self, picture_id: int) -> Picture | None:
        """The picture, or None."""
        found = self._select("WHERE saved = 1 AND id = ?", picture_id)
        return found[0] if found else None

    def recover(self) -> None:
        """After a crash: confirm the rows whose file was written, forget the others with what was half written."""
        for row in self._db.rows("SELECT id, path FROM pictures WHERE saved = 0"):
            path = self.outputs / row["path"]
            temporary_of(path).unlink(missing_ok=True)
            written = path.exists()
            change = "UPDATE pictures SET saved = 1" if written else "DELETE FROM pictures"
            with self._db.transaction() as db:
                db.execute(f"{change} WHERE id = ?", (row["id"],))

    def _next_number(self, db: sqlite3.Connection, folder: str) -> int:
        """The next free number of a folder; numbers taken by files of another index are left out."""
        row = db.execute("SELECT next FROM counters WHERE folder = ?", (folder,)).fetchone()
        number = row["next"] if row else self._first_number(folder)
        db.execute("INSERT OR REPLACE INTO counters (folder, next) VALUES (?, ?)", (folder, number + 1))
        return number

    def _first_number(self, folder: str) -> int:
        """Looks at the files once, when the index first sees a folder (a lost database, an older program's folder)."""
        names = (path.name.split("-")[0] for path in (self.outputs / folder).glob("*.png"))
        return max((int(name) for name in names if name.isdecimal()), default=-1) + 1

    def _select(self, condition: str, *values: object) -> list[Picture]:
        return [_picture(row) for row in self._db.rows(f"SELECT * FROM pictures {condition}", *values)]


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
