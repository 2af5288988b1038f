"""Hooks that write down what is called, hooks that do what a test wants, and a tiny engine to try them on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from modules.compute import choose
from modules.generation.engine import Engine, check
from modules.generation.hooks import GenerationHooks, PassInfo, StepInfo
from modules.generation.requests import GenerationRequest, PictureRequest, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.imaging.inputs import InputStore
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from modules.prompts.wildcards import Wildcards
from modules.sampling.denoiser import Guidance, LatentMask, ModelCall
from tests import tiny_model

REQUEST = TextToImage(
    prompt="a cat", seed=5, steps=2, sampler="Euler", width=64, height=48, batch_size=2, save=False
)
LISTENING = (
    "changes_model_calls",
    "changes_mask_blends",
    "changes_decoded",
    "changes_denoised",
    "changes_pictures",
)


class Recording(GenerationHooks):
    """Writes down what is called, and listens to everything unless told otherwise."""

    changes_model_calls = changes_mask_blends = changes_decoded = changes_denoised = changes_pictures = True

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.stages: list[str] = []
        self.given: dict[str, Any] = {}

    def _note(self, name: str, about: PassInfo | None = None, **given: Any) -> None:
        self.calls.append(name)
        self.given |= {f"{name}.{key}": value for key, value in given.items()}
        if about is not None:
            self.stages.append(about.stage)
            self.given[f"{name}.about"] = about

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        self._note("conditioning", about)
        return guidance

    def networks_applied(self, about: PassInfo) -> None:
        self._note("networks_applied", about)

    def before_second_pass(self, about: PassInfo) -> None:
        self._note("before_second_pass", about)

    def starting(self, latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
        self._note("starting", about, latents=latents.clone(), noise=noise.clone())
        return latents

    def extra_noise(self, noise: Tensor, latents: Tensor, about: PassInfo) -> Tensor:
        self._note("extra_noise", about, noise=noise.clone(), latents=latents.clone())
        return noise

    def model_call(self, call: ModelCall, about: PassInfo) -> ModelCall:
        self._note("model_call", about, call=call)
        return call

    def predicted(self, predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        self._note("predicted", about, predictions=predictions)
        return predictions

    def denoised(self, latents: Tensor, at: StepInfo) -> Tensor:
        self._note("denoised", at.of, at=at)
        return latents

    def mask_blended(self, blended: Tensor, made: Tensor, at: StepInfo, mask: LatentMask) -> Tensor:
        self._note("mask_blended", at.of, blended=blended, made=made, mask=mask)
        self.given.setdefault("mask_blended.at", []).append(at)
        return blended

    def step(self, latents: Tensor, at: StepInfo) -> None:
        self._note("step", at.of)

    def sampled(self, latents: Tensor, about: PassInfo) -> Tensor:
        self._note("sampled", about, latents=latents)
        return latents

    def decoded(self, pixels: Tensor, about: PassInfo) -> Tensor:
        self._note("decoded", about, pixels=pixels)
        return pixels

    def before_overlay(self, image: Image.Image, request: PictureRequest, number: int) -> Image.Image:
        self._note("before_overlay", image=image)
        return image

    def overlay(
        self, mask: Image.Image, original: Image.Image, request: PictureRequest, number: int
    ) -> tuple[Image.Image, Image.Image]:
        self._note("overlay", mask=mask, original=original)
        return mask, original

    def picture(self, picture: GeneratedImage, request: Any) -> GeneratedImage:
        self._note("picture")
        return picture


class Changing(GenerationHooks):
    """Does what each test gives it: `Changing(sampled=lambda latents, about: ...)`."""

    changes_model_calls = changes_mask_blends = changes_decoded = changes_denoised = changes_pictures = True

    def __init__(self, **methods: Callable[..., Any]) -> None:
        self.__dict__.update(methods)


class Maker:
    """Makes pictures with hooks, on a tiny model that lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        tiny_model.write(folder / "tiny.safetensors")
        (folder / "wildcards").mkdir()
        (folder / "wildcards" / "animal.txt").write_text("cat\ndog\nfox\nhorse\nrabbit\n")
        self.models = ModelStore(
            CheckpointCatalogue((), folder / "files.sqlite", (folder / "tiny.safetensors",)), choose
        )
        self._wildcards = Wildcards(folder / "wildcards")
        self.inputs = InputStore(folder / "inputs")

    def __call__(
        self, hooks: GenerationHooks | None = None, request: GenerationRequest = REQUEST, **changes: Any
    ) -> list[GeneratedImage]:
        """The pictures of the request with some changes; without hooks nobody listens."""
        engine = Engine(
            self.models,
            wildcards=self._wildcards,
            pictures=self.inputs,
            hooks=hooks or GenerationHooks(),
        )
        return list(engine.run(check(replace(request, **changes), self.models), Unwatched()))


def values(picture: GeneratedImage) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


def same(some: Iterable[GeneratedImage], others: Iterable[GeneratedImage]) -> bool:
    return all(
        a.image.tobytes() == b.image.tobytes() and a.infotext == b.infotext
        for a, b in zip(some, others, strict=True)
    )
