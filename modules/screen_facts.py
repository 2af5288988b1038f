"""What the API and the page are told of samplers, schedules and checkpoints: a part of `app.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.sampling.catalogue import all_samplers, all_schedulers

if TYPE_CHECKING:
    from modules.models.catalogue import Checkpoint
    from modules.pages.services import CheckpointChoice
    from modules.rest.services import CheckpointInfo, SamplerInfo, SchedulerInfo


def sampler_infos() -> list[SamplerInfo]:
    """All samplers, for the API."""
    from modules.rest.services import SamplerInfo

    return [SamplerInfo(s.name, s.aliases, s.options()) for s in all_samplers()]


def scheduler_infos() -> list[SchedulerInfo]:
    """All schedules, for the API."""
    from modules.rest.services import SchedulerInfo

    return [
        SchedulerInfo(s.name, s.label, s.aliases, s.default_rho, s.needs_inner_model)
        for s in all_schedulers()
    ]


def checkpoint_info(checkpoint: Checkpoint) -> CheckpointInfo:
    """A checkpoint, for the API."""
    from modules.rest.services import CheckpointInfo

    return CheckpointInfo(
        title=checkpoint.title,
        name=checkpoint.name,
        hash=checkpoint.short_hash,
        sha256=checkpoint.sha256,
        path=checkpoint.path,
        config=str(checkpoint.yaml) if checkpoint.yaml else None,
    )


def checkpoint_choice(checkpoint: Checkpoint) -> CheckpointChoice:
    """A checkpoint, for the page's menu."""
    from modules.pages.services import CheckpointChoice

    return CheckpointChoice(
        title=checkpoint.title,
        name=checkpoint.name,
        resolution=checkpoint.resolution,
        description=checkpoint.description,
        examples=checkpoint.examples,
    )
