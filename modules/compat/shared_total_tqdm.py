"""`modules.shared_total_tqdm` of the older UI: the bar of the whole job. The worker has one; this only counts."""

from __future__ import annotations


class TotalTQDM:
    """Counts steps, and shows nothing."""

    def __init__(self) -> None:
        self.n = 0
        self.total = 0

    def reset(self) -> None:
        """Begin anew."""
        self.n = self.total = 0

    def update(self) -> None:
        """One step is done."""
        self.n += 1

    def updateTotal(self, new_total: int) -> None:
        """Say how many steps there are."""
        self.total = new_total

    def clear(self) -> None:
        """No more bar."""
        self.reset()
