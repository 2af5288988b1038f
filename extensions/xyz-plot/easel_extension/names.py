"""The names that axes know: checkpoints, VAEs, upscalers, styles of the running program."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.generation.requests import GenerationRequest
from modules.imaging.upscalers import Upscalers
from modules.pages.fields import LATENT_UPSCALERS
from modules.plugins.program import Program
from modules.prompts import styles
from modules.prompts.styles import Style


@dataclass(frozen=True)
class Names:
    """What names mean.

    Args: upscalers: of the studio.
    """

    program: Program
    upscalers: Upscalers

    def checkpoint(self, name: str) -> str:
        """Raises: UnknownName."""
        return self.program.find_checkpoint(name)

    def vae(self, name: str) -> str:
        """Raises: UnknownName."""
        if name.lower() in ("automatic", "none"):
            return name.capitalize()
        return self.program.find_vae(name)

    def upscaler(self, name: str) -> str:
        """Raises: UnknownName."""
        latent = next((one for one in LATENT_UPSCALERS if one.lower() == name.lower()), None)
        return self.upscalers.find(name).name if latent is None else latent

    def styles(self, names: str) -> list[Style]:
        """Styles, apart by commas. Raises: UnknownName."""
        return self.program.find_styles([name.strip() for name in names.split(",") if name.strip()])


def with_styles(request: GenerationRequest, chosen: list[Style]) -> GenerationRequest:
    """Raises: InvalidField: the prompt is too long then."""
    return replace(
        request,
        prompt=styles.apply(request.prompt, chosen),
        negative_prompt=styles.apply_negative(request.negative_prompt, chosen),
    )


def checkpoints(program: Program) -> list[str]:
    return program.checkpoints()


def refiners(program: Program) -> list[str]:
    return ["None", *program.checkpoints()]


def vaes(program: Program) -> list[str]:
    return ["Automatic", "None", *program.vaes()]


def style_names(program: Program) -> list[str]:
    return ["None", *(style.name for style in program.styles())]


def upscalers(program: Program) -> list[str]:
    return [*LATENT_UPSCALERS, *program.upscalers()]


def samplers(program: Program) -> list[str]:
    from modules.sampling.catalogue import all_samplers

    return [one.name for one in all_samplers()]


def schedules(program: Program) -> list[str]:
    from modules.sampling.catalogue import all_schedulers

    return [one.label for one in all_schedulers()]
