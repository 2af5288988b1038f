"""What the extensions of the older UI add, as the plugin manager sees it; `compat/face.py` is what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modules.generation.hooks import NO_HOOKS, GenerationHooks

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from modules.imaging.upscalers import Upscaler
    from modules.plugins.extension import Extension
    from modules.plugins.hooks import Controls, Kind, PlotAxis, Script, Tab

Values = dict[str, dict[str, Any]]
"""As in `PictureRequest.extensions`."""


class OlderFace(Protocol):
    """The older UI's extensions as one: lists hold the extension's name with each thing."""

    @property
    def generation(self) -> GenerationHooks:
        """Their part in a generation; it comes after the other extensions'."""

    def load(self, extension: Extension, script: Path) -> None:
        """Load one of `scripts/*.py`, in the right order. Raises: anything; that is the extension's failure."""

    def unload(self, extension: Extension) -> None:
        """Let go of all scripts of an extension."""

    def scripts(self) -> list[tuple[str, Script]]:
        """Entries of the Script menu."""

    def controls(self) -> list[tuple[str, Controls]]:
        """Controls in the form."""

    def plot_axes(self) -> list[tuple[str, PlotAxis]]:
        """Axes for the X/Y/Z plot."""

    def tables_made(self) -> None:
        """The tables of samplers and schedules were made anew, without theirs."""

    def tabs(self) -> list[tuple[str, Tab]]:
        """Tabs of the page."""

    def upscalers(self) -> list[Upscaler]:
        """What makes pictures larger."""

    def building_page(self) -> AbstractContextManager[None]:
        """Within it the page is built."""

    def page_built(self, page: gr.Blocks) -> None:
        """The page is whole."""

    def started(self, app: FastAPI, page: gr.Blocks | None) -> None:
        """The server's application is built; None: without a page."""

    def head(self) -> str:
        """Elements for the page's head."""

    def always_on(self, scripts: Mapping[str, Any], kind: Kind) -> Values:
        """What the API's `alwayson_scripts` say. Raises: UnknownName, InvalidField."""

    def names(self) -> dict[str, list[str]]:
        """The names of all scripts for the API, of "txt2img" and of "img2img"."""

    def infos(self) -> list[dict[str, Any]]:
        """What the API tells of each script."""

    def from_infotext(self, parameters: dict[str, str], kind: Kind) -> Values:
        """Values of controls that a recipe speaks of."""

    def encode(self, owner: str, key: str, value: Any) -> Any:
        """What the page says of a control, as a request can hold it.

        Args: owner: the extension, or the title of a script; key: the control.
        """

    def settings(self) -> list[Any]:
        """Sections of the settings dialog."""

    def option_values(self) -> dict[str, Any]:
        """Values of all options of the older UI that are no settings of ours."""

    def set_option(self, name: str, value: Any) -> None:
        """Change one of those options, and keep it. Raises: UnknownName, InvalidField, NotPossibleNow."""


class NoOlder:
    """There are none."""

    generation: GenerationHooks = NO_HOOKS

    def load(self, extension: Extension, script: Path) -> None:
        """See `OlderFace`."""

    def unload(self, extension: Extension) -> None:
        """See `OlderFace`."""

    def scripts(self) -> list[tuple[str, Script]]:
        """See `OlderFace`."""
        return []

    def controls(self) -> list[tuple[str, Controls]]:
        """See `OlderFace`."""
        return []

    def plot_axes(self) -> list[tuple[str, PlotAxis]]:
        """See `OlderFace`."""
        return []

    def tables_made(self) -> None:
        """See `OlderFace`."""

    def tabs(self) -> list[tuple[str, Tab]]:
        """See `OlderFace`."""
        return []

    def upscalers(self) -> list[Upscaler]:
        """See `OlderFace`."""
        return []

    def building_page(self) -> AbstractContextManager[None]:
        """See `OlderFace`."""
        return nullcontext()

    def page_built(self, page: gr.Blocks) -> None:
        """See `OlderFace`."""

    def started(self, app: FastAPI, page: gr.Blocks | None) -> None:
        """See `OlderFace`."""

    def head(self) -> str:
        """See `OlderFace`."""
        return ""

    def always_on(self, scripts: Mapping[str, Any], kind: Kind) -> Values:
        """See `OlderFace`."""
        from modules.faults import UnknownName

        for name in scripts:
            raise UnknownName("alwayson_scripts", f"alwayson_scripts: there is no script named {name!r}.")
        return {}

    def names(self) -> dict[str, list[str]]:
        """See `OlderFace`."""
        return {"txt2img": [], "img2img": []}

    def infos(self) -> list[dict[str, Any]]:
        """See `OlderFace`."""
        return []

    def from_infotext(self, parameters: dict[str, str], kind: Kind) -> Values:
        """See `OlderFace`."""
        return {}

    def encode(self, owner: str, key: str, value: Any) -> Any:
        """See `OlderFace`."""
        return value

    def settings(self) -> list[Any]:
        """See `OlderFace`."""
        return []

    def option_values(self) -> dict[str, Any]:
        """See `OlderFace`."""
        return {}

    def set_option(self, name: str, value: Any) -> None:
        """See `OlderFace`."""
        from modules.faults import UnknownName

        raise UnknownName(name, f"There is no setting named {name!r}.")


class LateHooks(GenerationHooks):
    """Whatever hooks there are by the time when they are called: the engine has them before the last ones are there."""

    def __init__(self, now: Callable[[], GenerationHooks]) -> None:
        self.__dict__["_now"] = now

    def __getattribute__(self, name: str) -> Any:
        """Every hook is that of the hooks there are now."""
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        return getattr(self._now(), name)
