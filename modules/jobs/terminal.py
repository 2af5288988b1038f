"""The progress bar in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modules.jobs.progress import Progress


class TerminalBar:
    """A tqdm bar over all steps of a job."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def show(self, progress: Progress) -> None:
        """Draw the bar as far as the job is."""
        from tqdm import tqdm

        total = progress.pictures * progress.steps
        done = progress.picture * progress.steps + progress.count * progress.step
        if self._bar is None or self._bar.total != total:
            self.close()
            self._bar = tqdm(total=total, desc=f"Job {progress.job}", unit="step", dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


if TYPE_CHECKING:
    from tqdm import tqdm
