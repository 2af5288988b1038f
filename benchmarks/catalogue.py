"""How long it takes to list many checkpoints: the first time, after a restart, and after a refresh.

    python benchmarks/catalogue.py [files]

Makes small files (10,000 if not told otherwise) in a temporary folder, with a preview beside every second one, and
prints the times in seconds; the last line is the search for one name among them.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from modules.models.catalogue import CheckpointCatalogue

FOLDERS = 20


def make(folder: Path, files: int) -> None:
    """Write valid safetensors files of one number each, with the metadata of a usual checkpoint."""
    for number in range(files):
        header = {
            "__metadata__": {"modelspec.title": f"Model {number}", "modelspec.resolution": "512x512"},
            "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        }
        text = json.dumps(header).encode()
        place = folder / f"folder {number % FOLDERS}"
        place.mkdir(exist_ok=True)
        content = struct.pack("<Q", len(text)) + text + b"\0" * 4
        (place / f"model {number}.safetensors").write_bytes(content)
        if number % 2:
            (place / f"model {number}.png").write_bytes(b"")


def timed(what: str, work: Callable[[], object]) -> None:
    """Do something and print how long it took."""
    started = time.perf_counter()
    work()
    print(f"{what:22} {time.perf_counter() - started:.3f} s", flush=True)


def main() -> None:
    """Measure each kind of listing."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "models"
        folder.mkdir()
        make(folder, files)
        cache = Path(name) / "cache" / "files.sqlite"
        timed("first listing", CheckpointCatalogue((folder,), cache).all)
        again = CheckpointCatalogue((folder,), cache)
        timed("listing when cached", again.all)
        again.refresh()
        timed("listing after refresh", again.all)
        if len(again.all()) != files:
            raise SystemExit(f"{len(again.all())} of {files} files were found.")
        timed("first search", lambda: again.find(f"model {files - 1}"))
        timed("second search", lambda: again.find(f"MODEL {files - 1}"))


if __name__ == "__main__":
    main()
