"""The tab "Extras": finished pictures made larger, faces restored. `javascript/extras.js` takes the pictures, asks
`/easel/extras`, and shows the results beside what they were made of; Gradio holds the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.pages.markup import piece
from modules.pages.services import PageServices

if TYPE_CHECKING:
    import gradio as gr

ELEM_ID = "tab_extras"
TITLE = "Extras"
NO_UPSCALER = ("None", "None")
BY, TO = "by", "to"
RESIZES = (("Scale by", BY), ("Scale to", TO))
FIELDS = (
    "folder",
    "upscaler_1",
    "resize",
    "scale",
    "width",
    "height",
    "crop",
    "upscaler_2",
    "upscaler_2_visibility",
    "gfpgan_visibility",
    "codeformer_visibility",
    "codeformer_weight",
    "upscale_first",
)
"""The values' names, in the order in which Gradio hands them over; `javascript/extras.js` has the same list."""
_FACES = ("gfpgan_visibility", "codeformer_visibility", "codeformer_weight", "upscale_first")


def build(services: PageServices) -> None:
    """Make the tab's contents. Called inside the tab."""
    import gradio as gr

    with gr.Row(elem_id="extras"):
        with gr.Column(elem_id="extras_form"):
            piece("extras_source")
            parts = {"folder": _folder()} | _upscalers(services) | _faces(services)
            start = gr.Button("Upscale", variant="primary", elem_id="extras_generate", min_width=0)
            piece("extras_progress")
        with gr.Column(elem_id="extras_output"):
            piece("extras_results")
    _wire(services, parts, start)


def _folder() -> gr.Component:
    import gradio as gr

    return gr.Textbox(
        label="Or all pictures in a folder of this computer",
        placeholder="The folder's path",
        max_lines=1,
        elem_id="extras_folder",
    )


def _number(name: str, label: str, value: float, step: float, **more: Any) -> gr.Component:
    import gradio as gr

    slider = "easel-with-slider" if more.pop("slider", True) else None
    return gr.Number(
        label=label,
        value=value,
        step=step,
        min_width=0,
        elem_id=f"extras_{name}",
        elem_classes=slider,
        **more,
    )


def _upscalers(services: PageServices) -> dict[str, gr.Component]:
    import gradio as gr

    choices = _choices(services)
    parts: dict[str, gr.Component] = {
        "upscaler_1": gr.Dropdown(
            choices=choices, value=preferred(services), label="Upscaler", elem_id="extras_upscaler_1"
        ),
        "resize": gr.Radio(choices=list(RESIZES), value=BY, show_label=False, elem_id="extras_resize"),
        "scale": _number("scale", "Scale", 2, 0.25),
    }
    with gr.Row(elem_id="extras_size", elem_classes="easel-pair"):
        parts["width"] = _number("width", "Width", 1024, 8, slider=False)
        parts["height"] = _number("height", "Height", 1024, 8, slider=False)
    parts["crop"] = gr.Checkbox(
        label="Cut off what is over the size", value=True, container=False, elem_id="extras_crop"
    )
    with gr.Accordion("Blend with a second upscaler", open=False, elem_id="extras_second"):
        parts["upscaler_2"] = gr.Dropdown(
            choices=choices, value="None", label="Second upscaler", elem_id="extras_upscaler_2"
        )
        parts["upscaler_2_visibility"] = _number("upscaler_2_visibility", "Its share", 0.5, 0.05)
    return parts


def _faces(services: PageServices) -> dict[str, gr.Component]:
    """Sliders of the face restorations whose files are there; the others are hidden."""
    import gradio as gr

    shown = _shown(services)
    with gr.Column(elem_id="extras_faces"):
        return {
            "gfpgan_visibility": _number(
                "gfpgan_visibility", "Restore faces: GFPGAN", 0, 0.05, visible=shown["gfpgan_visibility"]
            ),
            "codeformer_visibility": _number(
                "codeformer_visibility",
                "Restore faces: CodeFormer",
                0,
                0.05,
                visible=shown["codeformer_visibility"],
            ),
            "codeformer_weight": _number(
                "codeformer_weight",
                "CodeFormer: closeness to the picture",
                0.5,
                0.05,
                visible=shown["codeformer_weight"],
            ),
            "upscale_first": gr.Checkbox(
                label="Restore faces after upscaling",
                value=True,
                container=False,
                elem_id="extras_upscale_first",
                visible=shown["upscale_first"],
            ),
        }


def _choices(services: PageServices) -> list[tuple[str, str]]:
    return [NO_UPSCALER, *((name, name) for name in services.upscalers())]


def preferred(services: PageServices) -> str:
    """The upscaler that is chosen at first: the first one from a file, else Lanczos."""
    names = services.upscalers()
    filters = ("Lanczos", "Nearest")
    return next((name for name in names if name not in filters), next(iter(names), NO_UPSCALER[1]))


def _shown(services: PageServices) -> dict[str, bool]:
    """Which of the face fields can be used."""
    known = services.face_restorers()
    codeformer = "CodeFormer" in known
    return dict(zip(_FACES, ("GFPGAN" in known, codeformer, codeformer, bool(known)), strict=True))


def _wire(services: PageServices, parts: dict[str, gr.Component], start: gr.Button) -> None:
    """Events. `window.easel` (in `javascript/extras.js`) gets the values; the server is asked for lists only."""
    import gradio as gr

    ordered = [parts[name] for name in FIELDS]
    look_again = gr.Button("look", elem_id="extras_look", visible="hidden")

    def look() -> list[Any]:
        choices, shown = _choices(services), _shown(services)
        menus = [gr.Dropdown(choices=choices) for _ in range(2)]
        faces = [gr.Number(visible=shown[name]) for name in _FACES[:3]]
        return [*menus, *faces, gr.Checkbox(visible=shown["upscale_first"])]

    start.click(fn=None, inputs=ordered, js="(...values) => window.easel?.upscale(values)")
    gr.on(
        [component.change for component in ordered],  # type: ignore[attr-defined]
        fn=None,
        inputs=ordered,
        js="(...values) => window.easel?.extrasChanged(values)",
        trigger_mode="multiple",
    )
    look_again.click(
        look,
        outputs=[parts["upscaler_1"], parts["upscaler_2"], *(parts[name] for name in _FACES)],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
