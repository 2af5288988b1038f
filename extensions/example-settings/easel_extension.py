"""Settings of its own: a line in the log for every job, if it is wanted. Shows `settings` and `after_generation`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from modules.generation.requests import Request
from modules.plugins.hooks import Me, hookimpl


class Settings(BaseModel):
    enabled: bool = Field(True, title="Write a line", description="Into the terminal, when a job is over.")
    words: str = Field("pictures are done", title="Words")
    at_least: int = Field(1, ge=0, le=1000, title="From so many pictures on")
    level: Literal["info", "warning"] = Field("info", title="As")


@hookimpl
def settings(me: Me) -> type[BaseModel]:
    return Settings


@hookimpl
def after_generation(request: Request, pictures: int, me: Me) -> None:
    mine: Settings = me.settings
    if mine.enabled and pictures >= mine.at_least:
        say = me.log.warning if mine.level == "warning" else me.log.info
        say("%d %s", pictures, mine.words)
