"""The hook specifications: all that an extension can do, on one page. docs/extending.md shows one in 20 lines.

An extension is a folder in `extensions/` with a file `easel_extension.py` (or a package of that name). It implements
any of the functions of `Hooks` under the same name, marked with `@hookimpl`:

    from modules.plugins.hooks import Tab, hookimpl

    @hookimpl
    def tabs(me):
        return [Tab("My tab", "my_tab", build)]

A hook takes as many of the arguments named here as it wants. `me` is the extension itself: its settings, its folder.

Where a hook may change something, it returns what the program goes on with, or None to leave things as they are.

When a hook raises, or returns what it should not, it is noted and the Extensions tab shows the traceback, and then:
- what builds the page or the lists of names is left out, and the rest of the program starts without it;
- what changes pictures (`before_generation` to `before_save`) fails the job with a sentence that names the extension:
  a picture without the effect that was asked for would be worse. A picture that is done is saved all the same;
- what only looks on (`after_generation`, `step`, `after_save`) does no harm.
At the start a hook has a minute; the program then goes on without the extension, and says so.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from modules.generation.hooks import PassInfo, StepInfo
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, PictureRequest, Request
from modules.generation.results import GeneratedImage
from modules.plugins.program import Program

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI
    from PIL.Image import Image
    from pydantic import BaseModel
    from torch import Tensor

    from modules.generation.studio import Studio
    from modules.imaging.upscalers import Upscaler
    from modules.networks.applying import TagKind
    from modules.sampling.denoiser import Guidance

__all__ = [
    "Controls",
    "Me",
    "PassInfo",
    "PictureInfo",
    "Program",
    "Prompts",
    "Sampler",
    "Schedule",
    "Script",
    "StepInfo",
    "Tab",
    "hookimpl",
]

PROJECT = "easel"
Kind = Literal["txt2img", "img2img", "inpaint", "outpaint"]
ALL_TABS: tuple[Kind, ...] = ("txt2img", "img2img", "inpaint", "outpaint")
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class Me:
    """The extension that a hook belongs to.

    `me.program` says which checkpoints, VAEs, styles and upscalers there are, what their names mean, and whether a
    request could be carried out; see `modules.plugins.program`.

    Args:
        name: of its folder; folder: where its files are.
        flags: what the flags of `command_line` are set to.
        log: for its messages.
        settings_now: gives `settings`; program_now: gives `program`.
    """

    name: str
    folder: Path
    flags: argparse.Namespace
    log: logging.Logger
    settings_now: Callable[[], Any]
    program_now: Callable[[], Program] = Program

    @property
    def settings(self) -> Any:
        """Its settings as they are now: an object of the model that the hook `settings` gave, else None."""
        return self.settings_now()

    @property
    def program(self) -> Program:
        """The running program. Keep `me` and ask each time: it is complete only after all extensions are loaded."""
        return self.program_now()

    def values(self, request: PictureRequest) -> dict[str, Any]:
        """What its `controls` are set to in a request, by their names; empty where nobody said."""
        return request.extensions.get(self.name, {})


@dataclass(frozen=True)
class Tab:
    """A tab of the page.

    Args:
        title: as people see it.
        elem_id: the HTML id of its contents.
        build: makes its Gradio components; called inside a `gr.Blocks` context.
    """

    title: str
    elem_id: str
    build: Callable[[], None]


@dataclass(frozen=True)
class Controls:
    """Controls in the form of the tabs that make pictures; their values come with every request (see `Me.values`).

    Args:
        title: of the fold that they are in.
        build: makes them, and returns them by names; called inside a `gr.Blocks` context.
        tabs: in which of the tabs they are shown; in the others they say nothing.
        recipe: by which names an infotext speaks of them (see the hook `infotext`): `{control: name}`. They are filled
            from recipes then.
    """

    title: str
    build: Callable[[], dict[str, Any]]
    tabs: Sequence[Kind] = ALL_TABS
    recipe: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlotAxis:
    """Something that the X/Y/Z plot can vary.

    Args:
        label: as its menus, the API and infotexts know it.
        apply: `(request, value)` gives the request with the value; raises ValueError (the end of a sentence) or a
            `modules.faults.Fault` where that can't be.
        kind: what its values are: `int` and `float` (which may be typed as ranges), `bool`, or `str`.
        choices: what can be chosen, asked each time; None: the values are typed.
        cost: how dear a change of it is, 0 to 1: the dearest axis is changed least often.
        tab: where it is offered.
        legend: what stands beside the pictures of a value; None: "label: value".
        combine: makes the values from all that were typed (their orders, say); None: they are these.
    """

    label: str
    apply: Callable[[GenerationRequest, Any], GenerationRequest]
    kind: type = str
    choices: Callable[[], Sequence[str]] | None = None
    cost: float = 0.0
    tab: Literal["both", "txt2img", "img2img"] = "both"
    legend: Callable[[Any], str] | None = None
    combine: Callable[[list[Any]], list[Any]] | None = None


@dataclass(frozen=True)
class Script:
    """An entry of the Script menu: it carries a request out in its own way.

    Args:
        title: as the menu shows it; the API finds it by this name, whatever its case.
        run: `(request, values, studio)` yields pictures: `studio.make(replace(request, ...))` makes some,
            `GeneratedImage(..., kind="grid")` is a grid. The request's seed is -1 where nobody chose one:
            `request.with_seeds(studio.draw_seed)`. `values` are those of its controls. For what can't be, raise
            a `modules.faults.Fault`.
        build: makes its controls, and returns them by names; called inside a `gr.Blocks` context.
        defaults: a value for each control: what the API doesn't say. In the order in which the API's `script_args`
            give them.
        tabs: in which of the tabs it is offered.
        aliases: other names by which the API finds it.
    """

    title: str
    run: Callable[[GenerationRequest, dict[str, Any], Studio], Iterator[GeneratedImage]]
    build: Callable[[], dict[str, Any]] = dict
    defaults: dict[str, Any] = field(default_factory=dict)
    tabs: Sequence[Kind] = ALL_TABS
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureInfo:
    """A picture that is done.

    Args:
        request: what it was made from; number: its place in the job, from 0.
        infotext: its recipe.
        complete: False where the job was interrupted.
    """

    request: Request
    number: int
    seed: int
    infotext: str
    complete: bool


@dataclass(frozen=True)
class Sampler:
    """A sampler.

    Args:
        name: as menus and the API show it; nobody else may have it.
        call: `(model, x, sigmas, extra_args=None, callback=None, disable=None) -> x`, as k-diffusion's functions:
            `model(x, sigma)` denoises `[B, 4, h, w]` for sigmas `[B]`; `callback({"i": step, "denoised": ...})`.
        schedule: what "Automatic" means for it.
        calls_a_step: 2 where a step asks the model twice.
        takes: of "eta", "churn" and "s_noise" those that `call` has as keyword arguments.
    """

    name: str
    call: Callable[..., Tensor]
    schedule: str = "Uniform"
    aliases: tuple[str, ...] = ()
    calls_a_step: Literal[1, 2] = 1
    takes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Schedule:
    """A schedule of sigmas.

    Args:
        name: as the API knows it; label: as people do.
        call: `(steps, lowest, highest) -> sigmas`: `steps` falling numbers, or one more of which the last is 0.
    """

    name: str
    label: str
    call: Callable[[int, float, float], Tensor | Sequence[float]]


class Hooks:
    """The hooks. They are only called; nobody makes an object of this class."""

    # ── The program ─────────────────────────────────────────────────────────────────────────────────────────

    @hookspec
    def command_line(self, parser: argparse.ArgumentParser, me: Me) -> None:
        """Add flags to the command line; `me.flags` has their values in all other hooks."""

    @hookspec
    def settings(self, me: Me) -> type[BaseModel]:  # type: ignore[empty-body]
        """A pydantic model whose fields have defaults: the Extensions tab makes a form of it."""

    @hookspec
    def unloaded(self, me: Me) -> None:
        """The extension is about to be reloaded or the program to end: let go of threads and files."""

    # ── The page and the API ────────────────────────────────────────────────────────────────────────────────

    @hookspec
    def tabs(self, me: Me) -> list[Tab]:  # type: ignore[empty-body]
        """Tabs to add to the page."""

    @hookspec
    def controls(self, me: Me) -> list[Controls]:  # type: ignore[empty-body]
        """Controls to add to the form of the tabs that make pictures."""

    @hookspec
    def scripts(self, me: Me) -> list[Script]:  # type: ignore[empty-body]
        """Entries of the Script menu: each carries a request out in its own way."""

    @hookspec
    def plot_axes(self, me: Me) -> list[PlotAxis]:  # type: ignore[empty-body]
        """Axes for the X/Y/Z plot. Asked whenever the plot needs them."""

    @hookspec
    def javascript(self, me: Me) -> list[str]:  # type: ignore[empty-body]
        """Scripts for the page, by their paths in the folder. Those in `javascript/` are loaded without this."""

    @hookspec
    def css(self, me: Me) -> list[str]:  # type: ignore[empty-body]
        """Style sheets for the page, by their paths in the folder. `style.css` is loaded without this."""

    @hookspec
    def api_routes(self, router: APIRouter, me: Me) -> None:
        """Add routes to a FastAPI router; they lie below `/easel/extensions/<name>/api`."""

    @hookspec
    def app_started(self, app: FastAPI, me: Me) -> None:
        """The server's application is built. For what `api_routes` can't do."""

    # ── Names ───────────────────────────────────────────────────────────────────────────────────────────────

    @hookspec
    def samplers(self, me: Me) -> list[Sampler]:  # type: ignore[empty-body]
        """Samplers to add to the menus and the API."""

    @hookspec
    def schedules(self, me: Me) -> list[Schedule]:  # type: ignore[empty-body]
        """Schedules of sigmas to add."""

    @hookspec
    def upscalers(self, me: Me) -> list[Upscaler]:  # type: ignore[empty-body]
        """Upscalers to add: objects as `modules.imaging.upscalers.Upscaler` describes them."""

    @hookspec
    def networks(self, me: Me) -> list[TagKind]:  # type: ignore[empty-body]
        """Kinds of network tags, `<kind:name>` in a prompt; see `modules.networks.applying.TagKind`."""

    # ── A generation, in the order of events; all in the worker's thread ────────────────────────────────────

    @hookspec
    def before_generation(self, request: Request, me: Me) -> Request | None:
        """Change a request (`dataclasses.replace`) before it is carried out."""

    @hookspec
    def prompts(self, prompts: Prompts, request: PictureRequest, number: int, me: Me) -> Prompts | None:
        """Change the prompts of picture `number`. Called several times: the same question, the same answer."""

    @hookspec
    def conditioning(self, guidance: Guidance, about: PassInfo, me: Me) -> Guidance | None:
        """Change what a pass is steered by: encoded prompts, weights, CFG scale. Not asked again for the refiner."""

    @hookspec
    def denoised(self, latents: Tensor, at: StepInfo, me: Me) -> Tensor | None:
        """Change the guess of the clean latents `[B, 4, h, w]`, guidance included, in every call of the model."""

    @hookspec
    def step(self, latents: Tensor, at: StepInfo, me: Me) -> None:
        """Look at the guess of the clean latents after every step."""

    @hookspec
    def infotext(
        self, parameters: dict[str, Any], request: PictureRequest, number: int, me: Me
    ) -> dict[str, Any] | None:
        """Change the names and values that the recipe of picture `number` says."""

    @hookspec
    def picture(self, image: Image, about: PictureInfo, me: Me) -> Image | None:
        """Change a picture that is done."""

    @hookspec
    def after_generation(self, request: Request, pictures: int, me: Me) -> None:
        """All is done, was interrupted or failed; so many pictures were made."""

    # ── Files; in the saver's thread ────────────────────────────────────────────────────────────────────────

    @hookspec
    def before_save(self, image: Image, about: PictureInfo, me: Me) -> Image | None:
        """Change what is written to the file; the page and programs that asked still get the picture itself."""

    @hookspec
    def after_save(self, path: Path, image: Image, about: PictureInfo, me: Me) -> None:
        """A picture was written to `path`."""
