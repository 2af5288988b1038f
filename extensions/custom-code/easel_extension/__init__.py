"""Custom code: Python that makes pictures, typed into the page or sent to the API. Only with `--allow-code`.

The code knows `request`, `studio`, `make(request)` (a list of pictures), `replace` and PIL's `Image`. What it returns
is shown: pictures of `make` or of PIL, one or several. Like the body of a function it may say `return` or `yield`:

    for steps in (5, 10, 20):
        yield make(replace(request, steps=steps))
"""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from modules.faults import Fault, InvalidField, NotPossibleNow
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.plugins.hooks import Me, Script, hookimpl

TITLE = "Custom code"
FIELD = "code"
_FILE = "<custom code>"
DEFAULTS: dict[str, Any] = {"code": "", "indent_level": 2}


def allowed(flags: Namespace) -> bool:
    """Whether the program was started with `--allow-code`."""
    return bool(getattr(flags, "allow_code", False))


def run(
    request: GenerationRequest, values: dict[str, Any], studio: Studio, me: Me
) -> Iterator[GeneratedImage]:
    """What the code returns or yields."""
    if not allowed(me.flags):
        raise NotPossibleNow("Custom code runs only where Easel was started with --allow-code.")
    from PIL import Image

    request = request.with_seeds(studio.draw_seed)

    def make(wanted: GenerationRequest | None = None) -> list[GeneratedImage]:
        return list(studio.make(request if wanted is None else wanted))

    known: dict[str, Any] = {
        "request": request,
        "studio": studio,
        "make": make,
        "Image": Image,
        "replace": replace,
    }
    body = _compiled(str((DEFAULTS | values)["code"] or ""))
    exec(body, known)  # what this script is for, behind a flag
    try:
        yield from _pictures(known["_main"](), request)
    except Fault:
        raise
    except Exception as error:
        raise InvalidField(FIELD, f"Custom code{_line_of(error)}: {type(error).__name__}: {error}") from error


def _compiled(code: str) -> Any:
    """A function `_main` of the code; what stands in its last line alone is returned.

    Raises: InvalidField: there is none, or it is no Python.
    """
    import ast

    code = textwrap.dedent(code.expandtabs(4))
    if not code.strip():
        raise InvalidField(FIELD, "Custom code: there is no code. Enter some.")
    try:
        head = "def _main():\n"
        # A syntax tree keeps the lines' numbers; indenting the text would change texts of several lines.
        tree = ast.parse(head + "    pass", _FILE)
        function = tree.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body = ast.parse(code, _FILE).body or function.body
        last = function.body[-1]
        if isinstance(last, ast.Expr) and not isinstance(last.value, (ast.Yield, ast.YieldFrom)):
            function.body[-1] = ast.copy_location(ast.Return(last.value), last)
        return compile(tree, _FILE, "exec")
    except SyntaxError as error:
        raise InvalidField(FIELD, f"Custom code, line {error.lineno}: {error.msg}.") from error
    except ValueError as error:
        raise InvalidField(FIELD, f"Custom code: {error}.") from error


def _line_of(error: BaseException) -> str:
    """Where in the code something went wrong."""
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return line


def _pictures(answer: Any, request: GenerationRequest) -> Iterator[GeneratedImage]:
    from PIL.Image import Image

    if answer is None:
        return
    if isinstance(answer, GeneratedImage):
        yield answer
    elif isinstance(answer, Image):
        yield GeneratedImage(answer.convert("RGB"), 0, max(request.seed, 0), 0, "", kind="extra")
    elif isinstance(answer, Iterable) and not isinstance(answer, (str, bytes)):
        for one in answer:
            yield from _pictures(one, request)
    else:
        raise TypeError(f"the code returned {str(answer)[:100]!r}, which is no picture")


def build() -> dict[str, Any]:
    import gradio as gr

    code = gr.Code(
        "for steps in (5, 10, 20):\n    yield make(replace(request, steps=steps))",
        language="python",
        label="Python",
    )
    return {"code": code}


@hookimpl
def command_line(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--allow-code", action="store_true", help="offer the script Custom code, which runs Python"
    )


@hookimpl
def scripts(me: Me) -> list[Script]:
    if not allowed(me.flags):
        return []
    return [Script(TITLE, partial(run, me=me), build, DEFAULTS, aliases=("custom_code", "custom code"))]
