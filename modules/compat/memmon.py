"""`modules.memmon` of the older UI: how much of the graphics card's memory is used."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class MemUsageMonitor:
    """Told by torch; there is no thread that looks on. Args: device: a `torch.device`."""

    def __init__(self, name: str, device: Any, opts: Any) -> None:
        self.name = name
        self.device = device
        self.opts = opts
        self.data: dict[str, int] = defaultdict(int)
        self.disabled = getattr(device, "type", "cpu") != "cuda"

    def cuda_mem_get_info(self) -> tuple[int, int]:
        """Free and total bytes of the card."""
        import torch

        free, total = torch.cuda.mem_get_info(self.device)
        return int(free), int(total)

    def start(self) -> None:
        """Nothing to do."""

    def monitor(self) -> None:
        """Begin to count the most that is used."""
        if not self.disabled:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)

    def read(self) -> dict[str, int]:
        """Bytes: free, total, active, reserved, and the most of them; nothing without a card."""
        if not self.disabled:
            import torch

            self.data["free"], self.data["total"] = self.cuda_mem_get_info()
            self.data["min_free"] = self.data["free"]
            stats = torch.cuda.memory_stats(self.device)
            self.data["active"] = stats["active.all.current"]
            self.data["active_peak"] = stats["active_bytes.all.peak"]
            self.data["reserved"] = stats["reserved_bytes.all.current"]
            self.data["reserved_peak"] = stats["reserved_bytes.all.peak"]
            self.data["system_peak"] = self.data["total"] - self.data["min_free"]
        return self.data

    def stop(self) -> dict[str, int]:
        """The last reading."""
        return self.read()

    def dump_debug(self) -> None:
        """Print the readings."""
        print(self.name, dict(self.read()))
