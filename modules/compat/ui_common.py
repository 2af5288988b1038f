"""`modules.ui_common` of the older UI: parts of its page that extensions use."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat.gradio_shim import older_gradio

gr: Any = older_gradio()
folder_symbol = "\U0001f4c2"
refresh_symbol = "\U0001f504"


@dataclass
class OutputPanel:
    """The components of `create_output_panel`."""

    gallery: Any = None
    generation_info: Any = None
    infotext: Any = None
    html_log: Any = None
    button_upscale: Any = None

    def __iter__(self) -> Any:
        """Older extensions take it apart."""
        return iter((self.gallery, self.generation_info, self.infotext, self.html_log))


def plaintext_to_html(text: str, classname: str | None = None) -> str:
    """A text as a paragraph of HTML."""
    content = "<br>\n".join(html.escape(line) for line in str(text).split("\n"))
    return f"<p class='{classname}'>{content}</p>" if classname else f"<p>{content}</p>"


def update_generation_info(generation_info: str, html_info: str, img_index: Any) -> tuple[str, Any]:
    """The recipe of the picture of that place, as HTML. Args: generation_info: JSON of a `Processed`."""
    try:
        info = json.loads(generation_info)
        index = int(img_index)
        if 0 <= index < len(info["infotexts"]):
            return plaintext_to_html(info["infotexts"][index]), gr.update()
    except (TypeError, ValueError, KeyError):
        pass
    return html_info, gr.update()


def save_files(js_data: str, images: list[Any], do_make_zip: bool, index: int) -> tuple[Any, str]:
    """Save pictures of a gallery in the folder for that; returns files for the page, and a sentence.

    Args:
        js_data: JSON of a `Processed` (`all_seeds`, `all_prompts`, `infotexts`).
        images: of the gallery; index: the only one that is saved, or -1.
    """
    from modules.compat import images as older_images
    from modules.compat import shared

    info = json.loads(js_data or "{}")
    folder = Path(shared.opts.outdir_save or "log/images")
    chosen = list(enumerate(images or []))
    if index > -1 and shared.opts.save_selected_only:
        chosen = [one for one in chosen if one[0] == index]
    saved: list[str] = []
    for place, entry in chosen:
        image = image_from_url_text(entry)
        if image is None:
            continue
        texts, seeds, prompts = (info.get(name) or [] for name in ("infotexts", "all_seeds", "all_prompts"))
        at = place - int(info.get("index_of_first_image") or 0)
        path, text_file = older_images.save_image(
            image,
            str(folder),
            "",
            seed=seeds[at] if 0 <= at < len(seeds) else None,
            prompt=prompts[at] if 0 <= at < len(prompts) else None,
            info=texts[place] if place < len(texts) else None,
            extension=shared.opts.samples_format,
            grid=at < 0,
        )
        saved += [one for one in (path, text_file) if one]
    if do_make_zip and saved:
        import zipfile

        archive = folder / f"{Path(saved[0]).stem}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in saved:
                file.write(path, Path(path).name)
        saved.insert(0, str(archive))
    names = f"Saved: {Path(saved[0]).name}" if saved else "Nothing was saved"
    return gr.File.update(value=saved, visible=bool(saved)), plaintext_to_html(names)


def image_from_url_text(filedata: Any) -> Any:
    """A picture that a component's value names."""
    from modules.compat.infotext_utils import image_from_url_text as read

    return read(filedata)


def create_output_panel(tabname: str, outdir: str, toprow: Any = None) -> OutputPanel:
    """A gallery with its buttons: open the folder, send a picture to a tab."""
    from modules.compat import infotext_utils

    panel = OutputPanel()
    with gr.Column(elem_id=f"{tabname}_results"):
        with gr.Column(elem_id=f"{tabname}_gallery_container"):
            panel.gallery = gr.Gallery(
                label="Output", show_label=False, elem_id=f"{tabname}_gallery", columns=4, preview=True
            )
        with gr.Row(elem_id=f"image_buttons_{tabname}", elem_classes="image-buttons"):
            buttons = {
                tab: gr.Button(title, elem_id=f"{tabname}_send_to_{tab}", size="sm", min_width=0)
                for tab, title in (
                    ("txt2img", "Send to Text to image"),
                    ("img2img", "Send to Image to image"),
                    ("inpaint", "Send to Inpaint"),
                    ("extras", "Send to Extras"),
                )
            }
        panel.infotext = gr.HTML(elem_id=f"html_info_{tabname}", elem_classes="infotext")
        panel.html_log = gr.HTML(elem_id=f"html_log_{tabname}", elem_classes="html-log")
        panel.generation_info = gr.Textbox(visible=False, elem_id=f"generation_info_{tabname}")
    for tab, button in buttons.items():
        infotext_utils.register_paste_params_button(
            infotext_utils.ParamBinding(
                paste_button=button,
                tabname=tab,
                source_image_component=None if tab == "txt2img" else panel.gallery,
                source_text_component=panel.generation_info,
            )
        )
    return panel


def create_refresh_button(
    refresh_component: Any, refresh_method: Callable[[], Any] | None, refreshed_args: Any, elem_id: str
) -> Any:
    """A button that reads a list anew.

    Args: refreshed_args: the component's new keywords, or a function that gives them.
    """
    from modules.compat.ui_components import ToolButton

    components = refresh_component if isinstance(refresh_component, list) else [refresh_component]

    def refresh() -> Any:
        if refresh_method is not None:
            refresh_method()
        words = refreshed_args() if callable(refreshed_args) else refreshed_args
        for component in components:
            component.style(**(words or {}))  # so that what looks at the component sees them too
        updates = [gr.update(**(words or {})) for _ in components]
        return updates if len(components) > 1 else updates[0]

    button = ToolButton(value=refresh_symbol, elem_id=elem_id, tooltip="Refresh")
    button.click(fn=refresh, inputs=[], outputs=components)
    return button


def setup_dialog(button_show: Any, dialog: Any, *, button_close: Any = None) -> None:
    """A part of the page that a button shows and another hides."""
    dialog.visible = False
    button_show.click(fn=lambda: gr.update(visible=True), inputs=[], outputs=[dialog])
    if button_close is not None:
        button_close.click(fn=lambda: gr.update(visible=False), inputs=[], outputs=[dialog])
