"""The bar above the tabs: the name, the checkpoint in use, light or dark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modules.pages.markup import piece
from modules.pages.services import CheckpointChoice, PageServices

if TYPE_CHECKING:
    import gradio as gr


@dataclass(frozen=True)
class Bar:
    """What is in the bar and has to be wired."""

    checkpoint: gr.Dropdown
    refresh: gr.Button
    about: gr.Textbox
    again: gr.Button


def build(services: PageServices) -> Bar:
    """Make the bar. Called inside the page, before the tabs."""
    import gradio as gr

    shown = current(services)
    with gr.Row(elem_id="easel_bar"):
        piece("brand", "easel_brand")
        with gr.Row(elem_id="quicksettings"):
            checkpoint = gr.Dropdown(
                choices=checkpoint_choices(services),
                value=shown.filename if shown else None,
                label="Checkpoint",
                allow_custom_value=True,
                elem_id="setting_sd_model_checkpoint",
                min_width=0,
            )
            refresh = gr.Button("Refresh", elem_id="refresh_sd_model_checkpoint", min_width=0)
        piece("theme_switch", "easel_theme_switch")
    about = gr.Textbox(visible=False)
    again = gr.Button("Look again", elem_id="easel_look_again", visible="hidden")
    return Bar(checkpoint, refresh, about, again)


def wire(
    services: PageServices,
    page: gr.Blocks,
    bar: Bar,
    menus: list[gr.Component],
    fresh: Callable[[], list[Any]],
) -> None:
    """Its events.

    Args: menus: further ones that name files; fresh: what they are to become, with the folders as they are now.
    """
    import gradio as gr

    def look() -> list[Any]:
        found, choices = current(services), checkpoint_choices(services)
        menu = gr.Dropdown(choices=choices, value=found.filename if found else None)
        return [menu, describe(found, len(choices)), *fresh()]

    def search() -> list[Any]:
        services.refresh_checkpoints()
        return look()

    def choose(filename: str | None) -> str:
        known = {choice.filename: choice for choice in services.checkpoints()}
        if filename in known:
            services.settings.update({"model.checkpoint": filename})
        return describe(known.get(filename or "") or current(services), len(known))

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    about, seen = bar.about, [bar.checkpoint, bar.about, *menus]
    told = "(about) => window.easel?.checkpoint(about)"
    started = "(about) => window.easelStarted ? window.easelStarted(about) : (window.easelAbout = about)"
    page.load(look, outputs=seen, **quiet).then(fn=None, inputs=about, js=started)
    bar.again.click(look, outputs=seen, **quiet).then(fn=None, inputs=about, js=told)
    bar.refresh.click(search, outputs=seen, **quiet).then(fn=None, inputs=about, js=told)
    bar.checkpoint.input(choose, inputs=bar.checkpoint, outputs=about, preprocess=False, **quiet).then(
        fn=None, inputs=about, js=told
    )


def current(services: PageServices) -> CheckpointChoice | None:
    """The checkpoint in use: the one that the settings name, or the first."""
    choices, wanted = services.checkpoints(), services.settings.current.model.checkpoint
    named = (choice for choice in choices if wanted in (choice.title, choice.filename, choice.name))
    return next(named, choices[0] if choices else None)


def describe(choice: CheckpointChoice | None, count: int) -> str:
    """What the scripts need to know of the checkpoint in use, and how many there are, as JSON."""
    if choice is None:
        return json.dumps({"name": None, "filename": None, "resolution": None, "examples": [], "count": 0})
    return json.dumps(
        {
            "count": count,
            "name": choice.name,
            "filename": choice.filename,
            "resolution": choice.resolution,
            "description": choice.description,
            "examples": choice.examples,
        }
    )


def checkpoint_choices(services: PageServices) -> list[tuple[str, str]]:
    """Label and value of each checkpoint; the suffix is shown only where two have the same name."""
    choices = services.checkpoints()
    names = Counter(choice.name for choice in choices)
    return [(c.name if names[c.name] == 1 else c.filename, c.filename) for c in choices]
