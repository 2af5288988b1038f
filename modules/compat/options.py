"""`modules.options` of the older UI: `Options`, the class of `shared.opts`, and how options are described."""

from __future__ import annotations

import json
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from modules.compat.house import house, is_open
from modules.compat.option_info import (
    OptionDiv,
    OptionHTML,
    OptionInfo,
    OptionsCategories,
    OptionsCategory,
    categories,
    options_section,
)
from modules.compat.option_sections import option_values, sections, set_option
from modules.compat.option_values import FILE, OptionValues, as_json
from modules.folders import write_atomically
from modules.settings.model import Settings
from modules.settings.older_options import FIXED, SETTINGS

__all__ = [
    "OptionDiv",
    "OptionHTML",
    "OptionInfo",
    "Options",
    "OptionsCategories",
    "OptionsCategory",
    "categories",
    "option_values",
    "options_section",
    "sections",
    "set_option",
]

log = logging.getLogger(__name__)

_OLDER_FILE = "config.json"
"""The file with all options of the older UI; ours stands for it."""


class Options:
    """All options by their older names, as attributes and in `data`.

    Args:
        data_labels: the known options; extensions add theirs, with `add_option` or directly.
        restricted_options: names that nobody may change where folders are hidden on the page.
    """

    typemap: ClassVar[dict[type, type]] = {int: float}
    data: OptionValues
    data_labels: dict[str, OptionInfo]

    def __init__(
        self, data_labels: dict[str, OptionInfo], restricted_options: set[str] | None = None
    ) -> None:
        own = self.__dict__
        own["data_labels"] = data_labels
        own["restricted_opts"] = restricted_options or set()
        own["data"] = OptionValues(data_labels)
        own["_watched"] = weakref.WeakSet()
        own["_seen"] = Settings()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(
                f"There is no option named {name}. Extensions add theirs with opts.add_option."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or name.startswith("_"):
            self.__dict__[name] = value
        elif name in self.data:
            self.data[name] = value
        else:
            self.__dict__[name] = value

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        """Change an option, and tell its `onchange`.

        Returns: False where the value is the same, the option can't be changed, or its `onchange` failed: then the
            old value is back.
        """
        old = self.data.get(key)
        info = self.data_labels.get(key)
        if old == value or info is None or info.do_not_save or (is_api and info.restrict_api):
            return False
        if is_open() and house().settings.frozen.holds(key):
            return False
        self._watch()
        self.data[key] = value
        # a setting of ours tells its listeners itself
        if run_callbacks and info.onchange is not None and key not in SETTINGS:
            try:
                info.onchange()
            except Exception:
                log.exception("The option %s could not be changed to %r", key, value)
                self.data[key] = old
                return False
        return True

    def get_default(self, key: str) -> Any:
        """An option's default; None where there is no such option."""
        try:
            return self.data.default(key)
        except KeyError:
            return None

    def save(self, filename: str | Path) -> None:
        """Write the options that extensions have; into another file than our own, all options. Raises: OSError."""
        path, own = Path(filename), self.data.file()
        beside = own.path is not None and path.absolute().parent == own.path.absolute().parent
        if own.path is None or (beside and path.name in (FILE, _OLDER_FILE)):
            own.save()
        else:
            write_atomically(path, as_json(dict(self.data)))

    def load(self, filename: str | Path) -> None:
        """Take over the values of a file. Those of our own settings are left alone: they have a file of their own."""
        path = Path(filename)
        own = self.data.file()
        if path == own.path:
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("The options in %s could not be read: %s", path, error)
            return
        if isinstance(found, dict):
            own.values.update({k: v for k, v in found.items() if k not in SETTINGS and k not in FIXED})

    def onchange(self, key: str, func: Callable[[], Any], call: bool = True) -> None:
        """Call `func` whenever the option changes; and once now.

        Raises: KeyError: there is no such option.
        """
        self.data_labels[key].onchange = func
        self._watch()
        if call:
            func()

    def add_option(self, key: str, info: OptionInfo) -> None:
        """Add an option of an extension. One of ours keeps its own description."""
        if key in SETTINGS and key in self.data_labels:
            log.warning("The option %s belongs to Easel; an extension's description of it is not used.", key)
            return
        self.data_labels[key] = info
        self._watch()

    def dumpjson(self) -> str:
        """All options with their values, and what the older UI's page knew besides, as JSON."""
        told: dict[str, Any] = {key: self.data.get(key) for key in self.data_labels}
        labels = self.data_labels.items()
        told["_comments_before"] = {k: v.comment_before for k, v in labels if v.comment_before}
        told["_comments_after"] = {k: v.comment_after for k, v in labels if v.comment_after}
        named = {v.section: v.category_id for _, v in labels if v.section and v.section[0]}
        told["_categories"] = [[s[1] if len(s) > 1 else s[0], c or "Uncategorized"] for s, c in named.items()]
        return as_json(told).decode()

    def reorder(self) -> None:
        """Bring the options of a section together, sections in the order of their categories."""
        ranks = {name: place for place, name in enumerate(categories.mapping)}
        order: dict[Any, int] = {}
        for info in self.data_labels.values():
            order.setdefault(info.section, len(order))
        ordered = sorted(
            self.data_labels.items(),
            key=lambda item: (ranks.get(item[1].category_id or "", len(ranks)), order[item[1].section]),
        )
        self.data_labels.clear()
        self.data_labels.update(ordered)

    def cast_value(self, key: str, value: Any) -> Any:
        """A value, such as one from a text, in the type of the option's default. Raises: ValueError."""
        if value is None:
            return None
        default = self.get_default(key)
        if isinstance(default, bool):
            return value.strip().lower() not in ("false", "0", "") if isinstance(value, str) else bool(value)
        kind = type(default)
        return value if default is None or isinstance(value, kind) else kind(value)

    def same_type(self, x: Any, y: Any) -> bool:
        """Whether two values are of one type; whole numbers are numbers, and None is anything."""
        if x is None or y is None:
            return True
        one, other = (self.typemap.get(type(v), type(v)) for v in (x, y))
        return one is other

    def _watch(self) -> None:
        """Listen to the settings, so that whoever wants to know of a change hears of those on the page too."""
        if not is_open() or house().settings in self._watched:
            return
        store = house().settings
        self._watched.add(store)
        self._seen = store.current

        def changed(after: Settings) -> None:
            before, self._seen = self._seen, after
            for key, path in SETTINGS.items():
                group, name = path.split(".")
                info = self.data_labels.get(key)
                if info is None or info.onchange is None:
                    continue
                if getattr(getattr(before, group), name) != getattr(getattr(after, group), name):
                    _tell(key, info.onchange)

        store.on_change(changed)


def _tell(key: str, listener: Callable[[], Any]) -> None:
    try:
        listener()
    except Exception:
        log.exception("What an extension does when the option %s changes has failed", key)


def __getattr__(name: str) -> Any:
    """`opts`, `cmd_opts` and the like, which some look for here."""
    if name in ("opts", "cmd_opts"):
        from modules.compat import shared

        return getattr(shared, name)
    return _missing(name)


def _missing(name: str) -> NoReturn:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
