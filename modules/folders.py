"""Where things lie on disk, and how a file is written."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from modules.faults import InvalidField

PROGRAM = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Folders:
    """The folders of one running Easel.

    Args:
        data: all that is the user's: models, outputs, settings, the queue.
        models: the folder with `Stable-diffusion/`, `VAE/`, `embeddings/`, ...
        checkpoints, vaes, embeddings, hypernetworks, loras, upscalers, face_restorers: further folders of them.
    """

    data: Path = PROGRAM
    models: Path = field(default=PROGRAM / "models")
    checkpoints: tuple[Path, ...] = ()
    vaes: tuple[Path, ...] = ()
    embeddings: tuple[Path, ...] = ()
    hypernetworks: tuple[Path, ...] = ()
    loras: tuple[Path, ...] = ()
    upscalers: tuple[Path, ...] = ()
    face_restorers: tuple[Path, ...] = ()

    @property
    def outputs(self) -> Path:
        """Finished pictures."""
        return self.data / "outputs"

    @property
    def inputs(self) -> Path:
        """Pictures and masks that waiting and finished jobs begin with."""
        return self.data / "inputs"

    @property
    def extensions(self) -> Path:
        """The user's extensions."""
        return self.data / "extensions"

    @property
    def database(self) -> Path:
        """The SQLite file with the queue and the index of pictures."""
        return self.data / "easel.sqlite"

    @property
    def settings(self) -> Path:
        """The file with the user's settings."""
        return self.data / "settings.json"

    @property
    def cache(self) -> Path:
        """What can be made again: hashes, thumbnails."""
        return self.data / "cache"

    def checkpoint_folders(self) -> tuple[Path, ...]:
        """All folders with checkpoints, the usual one first, that of the starter model last."""
        folders = (
            self.models / "Stable-diffusion",
            *self.checkpoints,
            PROGRAM / "models" / "Stable-diffusion",
        )
        return tuple(dict.fromkeys(folders))

    def vae_folders(self) -> tuple[Path, ...]:
        """All folders with VAEs."""
        return (self.models / "VAE", *self.vaes)

    def embedding_folders(self) -> tuple[Path, ...]:
        """All folders with textual-inversion embeddings; the second is where older installs have them."""
        return (self.models / "embeddings", self.data / "embeddings", *self.embeddings)

    def hypernetwork_folders(self) -> tuple[Path, ...]:
        """All folders with hypernetworks."""
        return (self.models / "hypernetworks", *self.hypernetworks)

    def upscaler_folders(self) -> tuple[Path, ...]:
        """All folders with upscalers."""
        names = ("ESRGAN", "RealESRGAN", "SwinIR", "DAT", "HAT", "BSRGAN", "ScuNET")
        return (*(self.models / name for name in names), *self.upscalers)

    def face_restorer_folders(self) -> dict[str, tuple[Path, ...]]:
        """Name of each face restoration -> the folders that its file may be in."""
        return {
            "CodeFormer": (self.models / "Codeformer", *self.face_restorers),
            "GFPGAN": (self.models / "GFPGAN", *self.face_restorers),
        }

    def lora_folders(self) -> tuple[Path, ...]:
        """All folders with networks of the LoRA family."""
        return (self.models / "Lora", self.models / "LyCORIS", *self.loras)


def inside(folder: Path, name: str, field: str) -> Path:
    """The path of `name` in `folder`; `InvalidField` if it leads out of it (`..`, absolute paths, links)."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidField(field, f"{field} must name a file inside {folder.name}.")
    return path


def temporary_of(path: Path) -> Path:
    """The name under which a file is written before it is complete."""
    return path.with_name(path.name + ".tmp")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
