"""How far the running job is, and ending it: `/sdapi/v1/progress`, `/interrupt`, `/skip`."""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import datetime
from io import BytesIO
from typing import Any

from fastapi import APIRouter

from modules.jobs.progress import Progress
from modules.rest.services import RestServices
from modules.rest.tasks import Tasks


def png_of(preview: bytes | None) -> str | None:
    """A preview (JPEG) as base64 PNG, or None."""
    from PIL import Image

    if preview is None:
        return None
    buffer = BytesIO()
    with Image.open(BytesIO(preview)) as image:
        image.save(buffer, "PNG", compress_level=1)
    return b64encode(buffer.getvalue()).decode("ascii")


def state_of(progress: Progress | None, tasks: Tasks) -> dict[str, Any]:
    """The `state` of the answer."""
    if progress is None:
        return {
            "skipped": False,
            "interrupted": False,
            "stopping_generation": False,
            "job": "",
            "job_count": 0,
            "job_timestamp": "0",
            "job_no": 0,
            "sampling_step": 0,
            "sampling_steps": 0,
        }
    batches = math.ceil(progress.pictures / progress.count) if progress.count else 1
    batch = progress.picture // progress.count if progress.count else 0
    interrupted = tasks.was_interrupted(progress.job)
    return {
        "skipped": tasks.was_skipped(progress.job, progress.picture),
        "interrupted": interrupted,
        "stopping_generation": tasks.is_finishing(progress.job),
        "job": f"Batch {batch + 1} out of {batches}" if batches > 1 else "txt2img",
        "job_count": batches,
        "job_timestamp": datetime.fromtimestamp(progress.started).strftime("%Y%m%d%H%M%S"),
        "job_no": batch,
        "sampling_step": progress.step,
        "sampling_steps": progress.steps,
    }


def routes(services: RestServices, tasks: Tasks) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @router.get("/progress")
    def progress(skip_current_image: bool = False) -> dict[str, Any]:
        """How far the running job is."""
        now = services.worker.progress()
        return {
            "progress": now.fraction if now else 0.0,
            "eta_relative": (now.eta or 0.0) if now else 0.0,
            "state": state_of(now, tasks),
            "current_image": None if now is None or skip_current_image else png_of(now.preview),
            "textinfo": now.message if now else None,
        }

    @router.post("/interrupt")
    def interrupt() -> dict[str, Any]:
        """End the running job; its picture is kept as far as it is."""
        tasks.interrupt(services)
        return {}

    @router.post("/skip")
    def skip() -> None:
        """Leave the running batch and go on with the next one."""
        tasks.skip(services)

    return router
