"""How an option of the older UI is described: `OptionInfo` and its relations, which extensions import from `shared`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class OptionInfo:
    """An option: its default, and how it is shown. The names of the arguments are those of the older UI.

    Args:
        default: the value while nobody has chosen one.
        component: the class of a Gradio component; None: one that fits the default.
        component_args: keywords for it, or a function that returns them.
        onchange: called without arguments when the value has changed.
        section: identifier and heading of the section that it is in.
        refresh: called before `component_args` is asked anew.
        infotext: the name under which infotexts tell it.
        restrict_api: it can't be changed through the API.
    """

    do_not_save = False

    def __init__(
        self,
        default: Any = None,
        label: str = "",
        component: Any = None,
        component_args: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        onchange: Callable[[], Any] | None = None,
        section: tuple[Any, ...] | None = None,
        refresh: Callable[[], Any] | None = None,
        comment_before: str = "",
        comment_after: str = "",
        infotext: str | None = None,
        restrict_api: bool = False,
        category_id: str | None = None,
    ) -> None:
        self.default = default
        self.label = label
        self.component = component
        self.component_args = component_args
        self.onchange = onchange
        self.section = section
        self.category_id = category_id
        self.refresh = refresh
        self.comment_before = comment_before
        self.comment_after = comment_after
        self.infotext = infotext
        self.restrict_api = restrict_api

    def link(self, label: str, url: str) -> OptionInfo:
        """Put a link before the label."""
        self.comment_before += f"[<a href='{url}' target='_blank'>{label}</a>]"
        return self

    def js(self, label: str, js_func: str) -> OptionInfo:
        """Put a link before the label that calls a JavaScript function."""
        self.comment_before += f"[<a onclick='{js_func}(); return false'>{label}</a>]"
        return self

    def info(self, info: str) -> OptionInfo:
        """Put an explanation behind the label, in brackets."""
        self.comment_after += f"<span class='info'>({info})</span>"
        return self

    def html(self, html: str) -> OptionInfo:
        """Put HTML behind the label."""
        self.comment_after += html
        return self

    def needs_restart(self) -> OptionInfo:
        """Say that it takes effect with the next start."""
        return self.html(" <span class='info'>(requires restart)</span>")

    def needs_reload_ui(self) -> OptionInfo:
        """Say that it takes effect when the page is built anew."""
        return self.html(" <span class='info'>(requires Reload UI)</span>")


class OptionHTML(OptionInfo):
    """Text between options: nothing that has a value."""

    do_not_save = True

    def __init__(self, text: str) -> None:
        super().__init__(str(text).strip(), label="", component=_html)


class OptionDiv(OptionHTML):
    """A line between options."""

    def __init__(self) -> None:
        super().__init__("<hr>")


def _html(**keywords: Any) -> Any:
    """The component of an `OptionHTML`."""
    import gradio as gr

    return gr.HTML(elem_classes="settings-info", **keywords)


def options_section(
    section_identifier: tuple[Any, ...], options_dict: Mapping[str, OptionInfo]
) -> Mapping[str, OptionInfo]:
    """Say of options that they are in a section: `(identifier, heading)` or `(identifier, heading, category)`."""
    for info in options_dict.values():
        if len(section_identifier) == 2:
            info.section = section_identifier
        elif len(section_identifier) > 2:
            info.section = section_identifier[:2]
            info.category_id = section_identifier[2]
    return options_dict


@dataclass
class OptionsCategory:
    """A group of sections. Args: id: as sections name it; label: its heading."""

    id: str
    label: str


class OptionsCategories:
    """The groups of sections, in their order. Args: mapping: the categories by their identifiers."""

    def __init__(self) -> None:
        self.mapping: dict[str, OptionsCategory] = {}

    def register_category(self, category_id: str, label: str) -> str:
        """Add a category, unless there is one of this identifier, which is returned."""
        self.mapping.setdefault(category_id, OptionsCategory(category_id, label))
        return category_id


categories = OptionsCategories()
