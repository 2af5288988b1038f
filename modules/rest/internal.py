"""`/internal/...`: what the older UI's page asked its server, and some programs still do."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from modules.jobs.queue import Job, Status
from modules.rest.bodies import CheckedRoute
from modules.rest.information import memory_in_use
from modules.rest.progress import png_of
from modules.rest.services import RestServices
from modules.rest.tasks import Tasks

PACKAGES = ("torch", "transformers", "gradio", "fastapi", "k-diffusion", "pillow", "numpy")


class ProgressQuestion(BaseModel):
    """The fields of `POST /internal/progress`."""

    id_task: str = ""
    id_live_preview: int = -1
    live_preview: bool = True


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def routes(services: RestServices, tasks: Tasks) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/internal", route_class=CheckedRoute, tags=["internal"])

    @router.get("/ping")
    def ping() -> dict[str, Any]:
        """The server is there."""
        return {}

    @router.get("/pending-tasks")
    def pending_tasks() -> dict[str, Any]:
        """The jobs that wait or run."""
        waiting = services.queue.waiting()
        return {"size": len(waiting), "tasks": [tasks.name_of(job.id) for job in waiting]}

    @router.post("/progress")
    def progress(question: ProgressQuestion) -> dict[str, Any]:
        """How far one job is, by its `force_task_id` or its number."""
        job = _find(question.id_task)
        return _answer(job, question)

    @router.get("/sysinfo")
    def system_information() -> dict[str, Any]:
        """Versions and the machine, for reports of defects."""
        return {
            "Version": services.version,
            "Platform": platform.platform(),
            "Python": platform.python_version(),
            "CPU": {"architecture": platform.machine(), "cores": os.cpu_count()},
            "RAM": memory_in_use(),
            "Packages": {name: _version_of(name) for name in PACKAGES},
            "Settings": services.settings.current.model_dump(),
        }

    def _find(name: str) -> Job | None:
        number = tasks.job_of(name)
        if number is None and name.isascii() and name.isdecimal() and len(name) < 19:
            number = int(name)
        return services.queue.get(number) if number is not None else None

    def _answer(job: Job | None, question: ProgressQuestion) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "active": job is not None and job.status is Status.RUNNING,
            "queued": job is not None and job.status is Status.QUEUED,
            "completed": job is not None and job.status.over,
            "progress": None,
            "eta": None,
            "live_preview": None,
            "id_live_preview": question.id_live_preview,
            "textinfo": "Waiting..." if job is not None and job.status is Status.QUEUED else None,
        }
        now = services.worker.progress()
        if job is None or now is None or now.job != job.id:
            return answer
        answer.update(progress=now.fraction, eta=now.eta, textinfo=now.message)
        if (
            question.live_preview
            and now.preview is not None
            and now.preview_number != question.id_live_preview
        ):
            answer["live_preview"] = f"data:image/png;base64,{png_of(now.preview)}"
            answer["id_live_preview"] = now.preview_number
        return answer

    return router
