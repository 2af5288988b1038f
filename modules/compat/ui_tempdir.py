"""`modules.ui_tempdir` of the older UI: pictures that the page shows, as files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def register_tmp_file(gradio: Any, filename: str) -> None:
    """Nothing: the page shows our pictures from where they are."""


def check_tmp_file(gradio: Any, filename: str) -> bool:
    """Whether the page may show a file: one that was uploaded, or a picture of ours."""
    from modules.compat.infotext_utils import _is_ours

    return _is_ours(Path(filename))


def save_pil_to_file(self: Any, pil_image: Any, dir: str | None = None, format: str = "png") -> str:
    """A picture as a file, with what its info says; the one that it was saved as, where there is one."""
    from PIL.PngImagePlugin import PngInfo

    saved = getattr(pil_image, "already_saved_as", None)
    if saved and Path(saved).is_file():
        return str(saved)
    about = PngInfo()
    for key, value in pil_image.info.items():
        if isinstance(key, str) and isinstance(value, str):
            about.add_text(key, value)
    with tempfile.NamedTemporaryFile(delete=False, suffix=".png", dir=dir or None) as file:
        pil_image.save(file, format="PNG", pnginfo=about)
    return file.name


def install_ui_tempdir_override() -> None:
    """Nothing."""


def on_tmpdir_changed() -> None:
    """Nothing."""


def cleanup_tmpdr() -> None:
    """Nothing: Gradio's files are Gradio's."""


def is_gradio_temp_path(path: str) -> bool:
    """Whether a file is one that was uploaded."""
    from gradio.utils import get_upload_folder

    return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
