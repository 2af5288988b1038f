"""The house rule: imports point one way, from the screen down to tensors, and nothing heavy is imported at start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "modules"

# A room may import from its own folder and from lower floors, and not from its neighbours on the same floor.
FLOORS: dict[str, int] = {
    "server": 11,
    "older_settings": 10,
    "sharing": 10,
    "app": 9,
    "older_face": 8,
    "screen_facts": 8,
    "cli": 7,
    "compat": 7,
    "pages": 6,
    "rest": 6,
    "plugins": 6,
    "jobs": 5,
    "training": 5,
    "generation": 4,
    "networks": 3,
    "sampling": 3,
    "prompts": 3,
    "imaging": 3,
    "models": 2,
    "compute": 1,
    "settings": 1,
    "folders": 1,
    "faults": 0,
    "version": 0,
}
# Neighbours that may be used: an embedding is found by the prompt's own index of names.
NEIGHBOURS = {("networks", "prompts"), ("folders", "faults"), ("settings", "folders")}


def rooms_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and room of every import of ours in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = (
                [f"modules.{a.name}" for a in node.names] if node.module == "modules" else [node.module or ""]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "modules" and len(parts) > 1:
                yield node.lineno, parts[1]


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in MODULES.iterdir() if path.stem not in ("__init__", "__pycache__")}
    assert rooms <= set(FLOORS), f"no floor for {sorted(rooms - set(FLOORS))}"


def test_imports_point_downwards() -> None:
    wrong = []
    for path in MODULES.rglob("*.py"):
        room = path.relative_to(MODULES).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for line, target in rooms_of(path):
            down = FLOORS[target] < FLOORS[room] or target == room or (room, target) in NEIGHBOURS
            # the older UI's names are for extensions; who builds everything builds them too
            if not down or (target == "compat" and room not in ("compat", "older_face")):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_the_core_knows_no_web() -> None:
    web = {"gradio", "fastapi", "starlette", "uvicorn", "argparse"}
    for room in ("models", "sampling", "prompts", "networks", "imaging", "generation", "jobs", "settings"):
        for path in (MODULES / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not {name.split(".")[0] for name in names} & web, path


@pytest.mark.parametrize(
    "module", ["modules.app", "modules.cli", "modules.rest.build", "modules.pages.services"]
)
def test_nothing_heavy_is_imported_at_start(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heavy = {'torch', 'transformers', 'gradio', 'scipy', 'cv2', 'diffusers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
