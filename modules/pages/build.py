"""The whole page: the bar, the tabs, and what Gradio needs to serve it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modules.folders import PROGRAM
from modules.pages.form import FIELDS
from modules.pages.services import PageServices

if TYPE_CHECKING:
    import gradio as gr

STYLE = PROGRAM / "style.css"
ICON = Path(__file__).with_name("markup") / "icon.svg"


def build_page(services: PageServices) -> gr.Blocks:
    """The page. Mount it with `gradio.mount_gradio_app(app, page, path="/", **page_options())`."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from modules.pages import extras, merger, text_to_image, top_bar

    with gr.Blocks(title="Easel", analytics_enabled=False, fill_width=True) as page:
        top_bar.build(services, page)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(text_to_image.TITLE, elem_id=text_to_image.ELEM_ID, id=text_to_image.ELEM_ID):
                text_to_image.build(services)
            with gr.Tab(extras.TITLE, elem_id=extras.ELEM_ID, id=extras.ELEM_ID):
                extras.build(services)
            with gr.Tab(merger.TITLE, elem_id=merger.ELEM_ID, id=merger.ELEM_ID):
                merger.build(services)
            for tab in services.extension_tabs():
                with gr.Tab(tab.title, elem_id=f"tab_{tab.elem_id}", id=tab.elem_id):
                    tab.build()
    return page


def page_options(colours: Literal["light", "dark"] | None = None) -> dict[str, Any]:
    """Keyword arguments of `gradio.mount_gradio_app` besides the path.

    Args: colours: what a browser shows whose user has not chosen yet; None follows the system.
    """
    from modules.pages.theme import theme

    return {
        "theme": theme(),
        "head": head(colours),
        "favicon_path": str(ICON),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "show_error": False,
        "enable_monitoring": False,
        "pwa": False,
    }


def head(colours: str | None = None) -> str:
    """What is added to the page's head: facts for the scripts, the style sheet, the scripts.

    The files are asked for by their contents' hash or with "has it changed?", so an update is never half seen.
    """
    fields = [
        {"name": f.name, "id": f.elem_id, "api": f.api_name, "label": f.label, "slider": f.slider}
        for f in FIELDS
    ]
    version = hashlib.sha256(STYLE.read_bytes()).hexdigest()[:12] if STYLE.exists() else "0"
    return "\n".join(
        (
            '<meta name="color-scheme" content="light dark">',
            f'<meta name="easel-colours" content="{colours or ""}">',
            f'<script type="application/json" id="easel_fields">{json.dumps(fields)}</script>',
            '<script src="easel/static/theme.js"></script>',
            f'<link rel="stylesheet" href="easel/static/style.css?v={version}">',
            '<script type="module" src="easel/static/main.js"></script>',
        )
    )
