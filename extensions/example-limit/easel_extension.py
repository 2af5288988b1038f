"""At most so many steps, set by a flag: `--example-max-steps 20`. Shows `command_line` and `before_generation`."""

from __future__ import annotations

import argparse
from dataclasses import replace

from modules.generation.requests import GenerationRequest
from modules.plugins.hooks import Me, hookimpl


@hookimpl
def command_line(parser: argparse.ArgumentParser, me: Me) -> None:
    parser.add_argument("--example-max-steps", type=int, default=1000, metavar="N")


@hookimpl
def before_generation(request: GenerationRequest, me: Me) -> GenerationRequest | None:
    most = me.flags.example_max_steps
    return replace(request, steps=most) if request.steps > most else None
