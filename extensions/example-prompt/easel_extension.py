"""The word "$season" in a prompt becomes one of the four, chosen by the picture's seed. Shows `prompts`."""

from __future__ import annotations

from modules.generation.requests import PictureRequest
from modules.plugins.hooks import Me, Prompts, hookimpl

SEASONS = ("spring", "summer", "autumn", "winter")


@hookimpl
def prompts(prompts: Prompts, request: PictureRequest, number: int, me: Me) -> Prompts | None:
    season = SEASONS[(request.seed + number) % len(SEASONS)]
    return prompts._replace(prompt=prompts.prompt.replace("$season", season))
