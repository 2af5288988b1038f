"""The reference data of the older UI: used by tests where it is there, and said to be missing where not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def reference() -> Path:
    """The folder of reference data; skips the calling test where there is none.

    It is the folder named by the environment variable `EASEL_REFERENCE`, else `../shared/parity` beside
    the checkout.
    """
    named = os.environ.get("EASEL_REFERENCE")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "parity"
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder} (set EASEL_REFERENCE)")
    return folder


def reference_json(name: str) -> Any:
    """The contents of a JSON file of the reference folder; skips the test where there is none."""
    path = reference() / name
    if not path.is_file():
        pytest.skip(f"no reference data at {path}")
    return json.loads(path.read_text(encoding="utf-8"))
