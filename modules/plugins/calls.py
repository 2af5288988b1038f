"""The extensions' part in a generation: what `generation.hooks` asks for, answered by whoever is loaded.

What may change a picture fails the job with a sentence that names the extension; what only looks on does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modules.faults import Fault, NotPossibleNow
from modules.generation.hooks import GenerationHooks, PassInfo, StepInfo
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, PictureRequest, Request
from modules.generation.results import GeneratedImage
from modules.plugins.hooks import PictureInfo

if TYPE_CHECKING:
    from torch import Tensor

    from modules.generation.recipe import Parameters
    from modules.plugins.extension import Extension
    from modules.plugins.older import OlderFace
    from modules.plugins.watch import Watch
    from modules.sampling.denoiser import Guidance


@dataclass(frozen=True)
class Implementation:
    """A hook of an extension. Args: call: with any of the hook's arguments by name."""

    name: str
    hook: str
    call: Callable[[Mapping[str, Any]], Any]


class Manager(Protocol):
    """What the parts of `plugins.manager.PluginManager` need of it."""

    watch: Watch

    @property
    def older(self) -> OlderFace:
        """The extensions of the older UI."""

    def get(self, name: str) -> Extension | None:
        """The extension of this name, or None."""

    def implementations(self, hook: str) -> list[Implementation]:
        """The loaded extensions' implementations of a hook, in order."""

    def ask(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """What each extension answers to a hook of the start."""

    def attempt(self, name: str, what: str, function: Callable[[], Any]) -> Any:
        """Do something for an extension; None where it fails, which is noted."""

    def note(self, name: str, where: str, error: BaseException | str) -> None:
        """Remember a failure, and say so in the log."""


class ExtensionHooks(GenerationHooks):
    """Asks the loaded extensions, in their order; each gets what the one before it made."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        """See `GenerationHooks`."""
        return self._passed_on("before_generation", "request", request, _is(type(request)), {})

    def after_generation(self, request: Request, pictures: int) -> None:
        """See `GenerationHooks`."""
        self._told("after_generation", {"request": request, "pictures": pictures})

    def prompts(self, prompts: Prompts, request: PictureRequest, number: int) -> Prompts:
        """See `GenerationHooks`."""
        return self._passed_on(
            "prompts", "prompts", prompts, _are_prompts, {"request": request, "number": number}
        )

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        """See `GenerationHooks`."""
        return self._passed_on("conditioning", "guidance", guidance, _is(type(guidance)), {"about": about})

    @property
    def changes_denoised(self) -> bool:
        """See `GenerationHooks`."""
        return bool(self._manager.implementations("denoised"))

    def denoised(self, latents: Tensor, at: StepInfo) -> Tensor:
        """See `GenerationHooks`."""
        return self._passed_on("denoised", "latents", latents, _like(latents), {"at": at})

    def step(self, latents: Tensor, at: StepInfo) -> None:
        """See `GenerationHooks`."""
        self._told("step", {"latents": latents, "at": at})

    @property
    def changes_pictures(self) -> bool:
        """See `GenerationHooks`."""
        return bool(self._manager.implementations("picture"))

    def picture(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        return self._with_image("picture", picture, request)

    def infotext(self, parameters: Parameters, request: PictureRequest, number: int) -> Parameters:
        """See `GenerationHooks`."""
        about = {"request": request, "number": number}
        return self._passed_on("infotext", "parameters", parameters, _is_parameters, about)

    def before_save(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        return self._with_image("before_save", picture, request)

    def after_save(self, path: Path, picture: GeneratedImage, request: Request) -> None:
        """See `GenerationHooks`."""
        arguments = {"path": path, "image": picture.image, "about": _info(picture, request)}
        self._told("after_save", arguments)

    def _with_image(self, hook: str, picture: GeneratedImage, request: Request) -> GeneratedImage:
        if not self._manager.implementations(hook):
            return picture
        about = {"about": _info(picture, request)}
        image = self._passed_on(hook, "image", picture.image, _is_picture, about)
        return picture if image is picture.image else replace(picture, image=image)

    def _passed_on(
        self, hook: str, name: str, value: Any, fits: Callable[[Any], str | None], others: Mapping[str, Any]
    ) -> Any:
        """What the extensions make of a value, one after the other.

        Args: name: of the value among the hook's arguments; fits: what is wrong with an answer, or None.

        Raises: Fault: an extension's own, or a sentence that names the extension.
        """
        for one in self._manager.implementations(hook):
            try:
                with self._manager.watch.at(one.name, hook):
                    answer = one.call({name: value, **others})
                if answer is None:
                    continue
                if wrong := fits(answer):
                    raise TypeError(f"{hook} must return {wrong}, not {str(answer)[:200]!r}")
            except Exception as error:
                raise failed(self._manager, one.name, hook, error) from error
            value = answer
        return value

    def _told(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Tell all; what goes wrong is noted."""
        for one in self._manager.implementations(hook):
            try:
                with self._manager.watch.at(one.name, hook):
                    one.call(arguments)
            except Exception as error:
                self._manager.note(one.name, hook, error)


def failed(manager: Manager, name: str, what: str, error: Exception) -> Exception:
    """What is raised where an extension fails in a generation: a fault of its own, lack of memory, or our sentence."""
    from modules.compute import is_out_of_memory
    from modules.sampling.sample import Stopped

    if isinstance(error, (Fault, Stopped)) or is_out_of_memory(error):
        return error
    manager.note(name, what, error)
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    return NotPossibleNow(
        f"The extension {name} failed in {what} ({type(error).__name__}: {reason}). "
        "Switch it off in the Extensions tab, or see there what happened."
    )


def _info(picture: GeneratedImage, request: Request) -> PictureInfo:
    return PictureInfo(request, picture.number, picture.seed, picture.infotext, picture.complete)


def _is(*kinds: type) -> Callable[[Any], str | None]:
    names = " or ".join(f"a {kind.__name__}" for kind in kinds)
    return lambda answer: None if isinstance(answer, kinds) else names


def _like(latents: Tensor) -> Callable[[Any], str | None]:
    def fits(answer: Any) -> str | None:
        if isinstance(answer, type(latents)) and answer.shape == latents.shape:
            return None
        return f"a tensor of the shape {tuple(latents.shape)}"

    return fits


def _are_prompts(answer: Any) -> str | None:
    right = isinstance(answer, Prompts) and all(isinstance(text, str) for text in answer)
    return None if right else "Prompts of two texts"


def _is_parameters(answer: Any) -> str | None:
    right = isinstance(answer, dict) and all(isinstance(name, str) for name in answer)
    return None if right else "a dict with names and values"


def _is_picture(answer: Any) -> str | None:
    from PIL.Image import Image

    return None if isinstance(answer, Image) else "a PIL image"
