"""Prompts from file or textbox: each line makes its pictures, with settings of its own if it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modules.faults import Fault, InvalidField
from modules.generation.options import RANDOM_SEED
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.plugins.hooks import Me, Program, Script, hookimpl

from .lines import FIELD, read_line, request_of

TITLE = "Prompts from file or textbox"
MOST_LINES = 10_000
MAX_FILE_BYTES = 4_000_000
DEFAULTS: dict[str, Any] = {
    "checkbox_iterate": False,
    "checkbox_iterate_batch": False,
    "prompt_position": "start",
    "prompt_txt": "",
}


def run(
    request: GenerationRequest, values: dict[str, Any], studio: Studio, me: Me
) -> Iterator[GeneratedImage]:
    """The pictures of all lines, in their order."""
    requests = requests_of(request, DEFAULTS | values, me.program, studio.draw_seed)
    studio.expect(sum(one.pictures for one in requests))
    for one in requests:
        if studio.monitor.stop_requested():
            return
        yield from studio.make(one)


def requests_of(
    request: GenerationRequest, values: dict[str, Any], program: Program, draw: Callable[[], int]
) -> list[GenerationRequest]:
    """A request for each line.

    Args: draw: gives random seeds.

    Raises: InvalidField, NotSupported: with the line's number.
    """
    text = str(values["prompt_txt"] or "")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InvalidField(FIELD, "Prompts from file: there is no line. Enter prompts, one in each line.")
    if len(lines) > MOST_LINES:
        raise InvalidField(FIELD, f"Prompts from file: {len(lines):,} lines are more than {MOST_LINES:,}.")
    position = str(values["prompt_position"])
    if position not in ("start", "end"):
        raise InvalidField("prompt_position", f"prompt_position must be start or end, not {position!r}.")
    counts, same = bool(values["checkbox_iterate"]), bool(values["checkbox_iterate_batch"])
    if request.seed == RANDOM_SEED and (counts or same):
        request = replace(request, seed=draw())
    requests, before = [], 0
    for number, line in lines:
        flags = read_line(line, number)
        seed = request.seed + before if counts else request.seed
        seeds = tuple(seed + before for seed in request.seeds) if counts else request.seeds
        try:
            form = replace(request, seed=seed, seeds=seeds)
            one = request_of(flags, form, position, program).with_seeds(draw)
        except Fault as error:
            raise InvalidField(FIELD, f"Prompts from file, line {number}: {error.message}") from error
        requests.append(one)
        before += one.pictures
    return requests


def build() -> dict[str, Any]:
    import gradio as gr

    with gr.Row():
        counts = gr.Checkbox(False, label="Count the seed up with every line")
        same = gr.Checkbox(False, label="One random seed for all lines")
    position = gr.Radio(["start", "end"], value="start", label="Where the lines stand in the form's prompt")
    text = gr.Textbox(
        label="Prompts, one in each line",
        placeholder='a fox in the snow\n--prompt "a fox" --negative_prompt "blurry" --steps 30 --seed 5',
        lines=4,
        max_lines=20,
    )
    file = gr.UploadButton("Load a text file", file_types=[".txt"], size="sm")

    def read(path: str | None) -> Any:
        if path is None:
            return gr.skip()
        file = Path(path)
        if file.stat().st_size > MAX_FILE_BYTES:
            raise gr.Error(f"{file.name} is larger than 4 MB.", print_exception=False)
        return file.read_text(encoding="utf-8-sig", errors="replace")

    file.upload(read, [file], [text], show_progress="hidden", queue=False, api_visibility="private")
    return dict(zip(DEFAULTS, (counts, same, position, text), strict=True))


@hookimpl
def scripts(me: Me) -> list[Script]:
    aliases = ("prompts from file", "prompts_from_file", "prompts-from-file")
    return [Script(TITLE, partial(run, me=me), build, DEFAULTS, aliases=aliases)]
