"""The form's components, made from the table of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.pages.fields import (
    BY_SETTINGS,
    FIELD,
    KINDS,
    LATENT_UPSCALERS,
    NO_REFINER,
    NO_SCRIPT,
    SAME,
    Kind,
)
from modules.pages.form import start_values
from modules.pages.services import PageServices
from modules.pages.top_bar import checkpoint_choices

if TYPE_CHECKING:
    import gradio as gr

Choices = list[Any]
FILE_FIELDS = ("hires.upscaler", "hires.checkpoint", "vae", "refiner.checkpoint")
"""The fields that name a file."""


def only(*kinds: Kind) -> list[str]:
    """The classes of a part that is there in the tabs of these kinds only (see `style.css`)."""
    return [] if set(kinds) == set(KINDS) else ["easel-only", *(f"on-{kind}" for kind in kinds)]


def file_choices(services: PageServices) -> dict[str, Choices]:
    """The choices of the fields that name a file, as the folders are now."""
    checkpoints = checkpoint_choices(services)
    return {
        "hires.upscaler": [*LATENT_UPSCALERS, *services.upscalers()],
        "hires.checkpoint": [SAME, *checkpoints],
        "vae": [BY_SETTINGS, "Automatic", "None", *(name for name, _ in services.vaes())],
        "refiner.checkpoint": [NO_REFINER, *checkpoints],
    }


class Form:
    """The form's components by the names of their fields."""

    def __init__(self, services: PageServices) -> None:
        self._start = start_values()
        samplers, schedulers = services.samplers(), services.schedulers()
        self._choices: dict[str, Choices] = {
            "sampler": samplers,
            "scheduler": schedulers,
            "hires.sampler": [SAME, *samplers],
            "hires.scheduler": [SAME, *schedulers],
            **file_choices(services),
            "script": [NO_SCRIPT, *(title for title, _ in services.script_menu())],
        }
        self.components: dict[str, gr.Component] = {}

    def text(self, name: str, placeholder: str, lines: int) -> None:
        """A text that grows with what is in it."""
        import gradio as gr

        self.components[name] = gr.Textbox(
            label=FIELD[name].label,
            placeholder=placeholder,
            lines=lines,
            max_lines=12,
            elem_id=FIELD[name].elem_id,
            elem_classes="easel-prompt",
        )

    def number(self, name: str, *, step: float = 1, placeholder: str | None = None) -> None:
        """A number; its limits are the request's, so that there is one place and one message for them."""
        import gradio as gr

        field = FIELD[name]
        slider = ["easel-with-slider"] if field.slider else []
        self.components[name] = gr.Number(
            label=field.label,
            value=self._start[name],
            placeholder=placeholder,
            step=step,
            min_width=0,
            elem_id=field.elem_id,
            elem_classes=[*slider, *only(*field.kinds)],
        )

    def choice(self, name: str) -> None:
        """One name of a list."""
        import gradio as gr

        field = FIELD[name]
        choices = self._choices.get(name) or [label for label, _ in field.choices]
        known = [one[1] if isinstance(one, tuple) else one for one in choices]
        self.components[name] = gr.Dropdown(
            choices=choices,
            value=self._start[name] if self._start[name] in known else next(iter(known), None),
            label=field.label,
            # A recipe may name a file that is not here: it is shown, and the server says that it is missing.
            allow_custom_value=name in ("vae", "refiner.checkpoint"),
            min_width=0,
            elem_id=field.elem_id,
            elem_classes=only(*field.kinds),
        )

    def file_menus(self) -> list[gr.Component]:
        """The menus that name files."""
        return [self.components[name] for name in FILE_FIELDS]

    @staticmethod
    def fresh_menus(services: PageServices) -> list[gr.Component]:
        """What `file_menus` become where the folders have changed; what is chosen stays."""
        import gradio as gr

        choices = file_choices(services)
        return [gr.Dropdown(choices=choices[name]) for name in FILE_FIELDS]

    def segments(self, name: str) -> None:
        """One of a few words that stand side by side."""
        import gradio as gr

        field = FIELD[name]
        self.components[name] = gr.Radio(
            choices=[label for label, _ in field.choices],
            value=self._start[name],
            label=field.label,
            elem_id=field.elem_id,
            elem_classes=["easel-segments", *only(*field.kinds)],
        )

    def switch(
        self, name: str, label: str, elem_id: str, info: str = "", classes: list[str] | None = None
    ) -> None:
        """On or off."""
        import gradio as gr

        self.components[name] = gr.Checkbox(
            label=label,
            value=bool(self._start[name]),
            info=info or None,
            elem_id=elem_id,
            elem_classes=["easel-switch", *(classes or [])],
        )
