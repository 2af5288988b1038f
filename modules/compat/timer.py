"""`modules.timer` of the older UI: how long the parts of something take."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any


class TimerSubcategory:
    """Within it, what is recorded belongs to a category. Made by `Timer.subcategory`."""

    def __init__(self, timer: Timer, category: str) -> None:
        self.timer = timer
        self.category = category
        self.start = 0.0
        self.original_base_category = timer.base_category

    def __enter__(self) -> TimerSubcategory:
        self.start = time.time()
        self.timer.base_category = f"{self.original_base_category}{self.category}/"
        self.timer.subcategory_level += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        elapsed = time.time() - self.start
        self.timer.base_category = self.original_base_category
        self.timer.add_time_to_record(self.original_base_category + self.category, elapsed)
        self.timer.subcategory_level -= 1
        self.timer.record(self.category, disable_log=True)


class Timer:
    """Adds up seconds by categories. Args: print_log: print each record."""

    def __init__(self, print_log: bool = False) -> None:
        self.start = time.time()
        self.records: dict[str, float] = {}
        self.total = 0.0
        self.base_category = ""
        self.print_log = print_log
        self.subcategory_level = 0

    def elapsed(self) -> float:
        """Seconds since the last call."""
        end = time.time()
        seconds, self.start = end - self.start, end
        return seconds

    def add_time_to_record(self, category: str, amount: float) -> None:
        """Add seconds to a category."""
        self.records[category] = self.records.get(category, 0.0) + amount

    def record(self, category: str, extra_time: float = 0, disable_log: bool = False) -> None:
        """Add what has passed since the last call to a category."""
        seconds = self.elapsed()
        self.add_time_to_record(self.base_category + category, seconds + extra_time)
        self.total += seconds + extra_time
        if self.print_log and not disable_log:
            print(f"{'  ' * self.subcategory_level}{category}: done in {seconds + extra_time:.3f}s")

    def subcategory(self, name: str) -> TimerSubcategory:
        """For `with`: what is recorded within it belongs to this category."""
        self.elapsed()
        return TimerSubcategory(self, name)

    def summary(self) -> str:
        """All in one line; categories of less than a tenth of a second are left out."""
        parts = [f"{name}: {seconds:.1f}s" for name, seconds in self.records.items() if seconds >= 0.1]
        top = [part for part in parts if "/" not in part.split(":")[0]]
        return f"{self.total:.1f}s" + (f" ({', '.join(top)})" if top else "")

    def dump(self) -> dict[str, Any]:
        """All as JSON knows it."""
        return {"total": self.total, "records": self.records}

    def reset(self) -> None:
        """Begin anew."""
        self.__init__(self.print_log)  # type: ignore[misc]


startup_timer = Timer()
startup_record: dict[str, Any] | None = None
