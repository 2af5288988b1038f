"""JavaScript, a style sheet and a translation for the page: they are found by their places. Nothing else is needed,
but files elsewhere in the folder can be named. Shows `javascript` and `css`.
"""

from __future__ import annotations

from modules.plugins.hooks import Me, hookimpl


@hookimpl
def javascript(me: Me) -> list[str]:
    return ["more/clock.mjs"]


@hookimpl
def css(me: Me) -> list[str]:
    return ["more/clock.css"]
