"""Built-in scripts for tests: loaded from their extensions, with a studio that draws or that has the starter model."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

from PIL import Image

from modules.generation.requests import GenerationRequest, ImageToImage, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.generation.studio import Studio
from modules.imaging.upscalers import Upscalers
from modules.plugins.hooks import Me, Script
from modules.plugins.loading import import_file, module_name
from modules.plugins.manager import SHIPPED
from modules.plugins.program import Program
from tests.starter import Starter

NO_PROGRAM = Program()
Draw = Callable[[GenerationRequest, int], Image.Image]


def extension(name: str) -> ModuleType:
    """The extension's module, as the program loads it."""
    folder = SHIPPED / name
    file = folder / "easel_extension" / "__init__.py"
    if not file.is_file():
        file = folder / "easel_extension.py"
    return import_file(module_name(folder), file)


def part(module: ModuleType, name: str) -> Any:
    """A file of an extension."""
    import importlib

    return importlib.import_module(f"{module.__name__}.{name}")


def script(
    name: str, title: str, kind: str = "txt2img", program: Program = NO_PROGRAM, **flags: Any
) -> Script:
    """A script of an extension by its title."""
    log = logging.getLogger(name)
    me = Me(name, SHIPPED / name, argparse.Namespace(**flags), log, lambda: None, lambda: program)
    hook = extension(name).scripts
    found = hook(me) if hook.__code__.co_argcount else hook()
    return next(one for one in found if one.title == title and kind in one.tabs)


def plain(request: GenerationRequest, number: int) -> Image.Image:
    """A picture of one grey that only the seed decides."""
    return Image.new("RGB", (request.width, request.height), (request.seed_of(number) * 7 % 256,) * 3)


@dataclass
class Fake:
    """A studio without a model. Args: stop_after: requests after which the job is to end."""

    draw: Draw = plain
    stop_after: int = 10_000
    requests: list[GenerationRequest] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    kept: list[Image.Image] = field(default_factory=list)

    @property
    def studio(self) -> Studio:
        monitor = SimpleNamespace(
            **{
                name: getattr(Unwatched(), name)
                for name in ("loading", "begin_batch", "step", "skip_requested")
            },
            stop_requested=lambda: len(self.requests) >= self.stop_after,
        )
        pictures = SimpleNamespace(open=self._open, keep=self._keep)
        return Studio(self._make, self.expected.append, cast(Any, monitor), cast(Any, pictures), Upscalers())

    def run(self, one: Script, request: GenerationRequest, **values: Any) -> list[GeneratedImage]:
        """What a script yields with these values, the others by default."""
        assert set(values) <= set(one.defaults)
        return list(one.run(request, {**one.defaults, **values}, self.studio))

    def _make(self, request: GenerationRequest) -> Iterator[GeneratedImage]:
        self.requests.append(request)
        for number in range(request.pictures):
            infotext = (
                f"{request.prompt}\nSteps: {request.steps}, Sampler: {request.sampler}, Seed: {request.seed}"
            )
            yield GeneratedImage(self.draw(request, number), number, request.seed_of(number), 0, infotext)

    def _open(self, name: str, field: str) -> Image.Image:
        return self.kept[int(name)].copy()

    def _keep(self, image: Image.Image) -> str:
        self.kept.append(image)
        return str(len(self.kept) - 1)


def studio_of(starter: Starter) -> Studio:
    """A studio with the starter model."""

    def make(request: GenerationRequest) -> Iterator[GeneratedImage]:
        assert isinstance(request, (TextToImage, ImageToImage))
        yield from starter.pictures(request)

    return Studio(make, lambda pictures: None, cast(Any, Unwatched()), Keeper(starter), Upscalers())


class Keeper:
    """The starter's pictures, with `keep`."""

    def __init__(self, starter: Starter) -> None:
        self._inputs = starter.inputs

    def open(self, name: str, field: str) -> Image.Image:
        return self._inputs.open(name, field)

    def keep(self, image: Image.Image) -> str:
        import io

        data = io.BytesIO()
        image.save(data, "PNG")
        return self._inputs.put(data.getvalue())


def folder_of(path: Path) -> Path:
    """A folder that is there."""
    path.mkdir(parents=True, exist_ok=True)
    return path
