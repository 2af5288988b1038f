"""The whole page: the bar, the tabs, and what Gradio needs to serve it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modules.folders import PROGRAM
from modules.pages.fields import FIELDS, HIRES, HIRES_ID
from modules.pages.services import PageServices

if TYPE_CHECKING:
    import gradio as gr

STYLE = PROGRAM / "style.css"
CANVAS_STYLE = PROGRAM / "javascript" / "canvas" / "canvas.css"
ICON = Path(__file__).with_name("markup") / "icon.svg"


def build_page(services: PageServices) -> gr.Blocks:
    """The page. Mount it with `gradio.mount_gradio_app(app, page, path="/", **page_options())`."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from modules.pages import extensions, extras, merger, top_bar, workbench

    with gr.Blocks(title="Easel", analytics_enabled=False, fill_width=True) as page:
        bar = top_bar.build(services)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            for kind, title in workbench.TABS:
                gr.Tab(title, elem_id=f"tab_{kind}", id=f"tab_{kind}")
            with gr.Tab(extras.TITLE, elem_id=extras.ELEM_ID, id=extras.ELEM_ID):
                extras.build(services)
            with gr.Tab(merger.TITLE, elem_id=merger.ELEM_ID, id=merger.ELEM_ID):
                merger.build(services)
        form = workbench.build(services)
        top_bar.wire(services, page, bar, form.file_menus(), lambda: form.fresh_menus(services))
        with tabs:  # those of extensions may refer to the workbench
            for tab in services.extension_tabs():
                with gr.Tab(
                    tab.title,
                    elem_id=f"tab_{tab.elem_id}",
                    id=tab.elem_id,
                    elem_classes="easel-extension-tab",
                    render_children=True,  # their scripts look for what is in it when the page is there
                ):
                    tab.build()
            with gr.Tab(extensions.TITLE, elem_id=extensions.ELEM_ID, id=extensions.ELEM_ID):
                extensions.build()
    return page


def page_options(colours: Literal["light", "dark"] | None = None, more_head: str = "") -> dict[str, Any]:
    """Keyword arguments of `gradio.mount_gradio_app` besides the path.

    Args:
        colours: what a browser shows whose user has not chosen yet; None follows the system.
        more_head: further elements for the head, of extensions.
    """
    from modules.pages.theme import theme

    return {
        "theme": theme(),
        "head": f"{head(colours)}\n{more_head}",
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
    switch = {"name": HIRES, "id": HIRES_ID, "api": "enable_hr", "label": "Hires fix", "kinds": ["txt2img"]}
    fields = [*(field.facts() for field in FIELDS), switch]
    return "\n".join(
        (
            '<meta name="color-scheme" content="light dark">',
            f'<meta name="easel-colours" content="{colours or ""}">',
            f'<script type="application/json" id="easel_fields">{json.dumps(fields)}</script>',
            '<script src="easel/static/theme.js"></script>',
            f'<link rel="stylesheet" href="easel/static/style.css?v={_version(STYLE)}">',
            f'<link rel="stylesheet" href="easel/static/canvas/canvas.css?v={_version(CANVAS_STYLE)}">',
            '<script type="module" src="easel/static/main.js"></script>',
        )
    )


def _version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else "0"
