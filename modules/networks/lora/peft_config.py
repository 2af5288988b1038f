"""`adapter_config.json`, which peft writes beside `adapter_model.safetensors`: what the tensors are multiplied by."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NAME = "adapter_config.json"


@dataclass(frozen=True)
class PeftConfig:
    """What such a file says.

    Args:
        lora_alpha: of all modules, but for those whose names end with a key of `patterns`.
        rank_stabilised: the sum is divided by the square root of the rank (Kalajdzievski 2023), not by the rank.
    """

    lora_alpha: float
    patterns: Mapping[str, float] = field(default_factory=dict)
    rank_stabilised: bool = False

    @classmethod
    def beside(cls, path: Path) -> PeftConfig | None:
        """The configuration of a network file; None where there is none that can be read."""
        if not path.stem.startswith("adapter_model"):
            return None
        try:
            said = json.loads(path.with_name(NAME).read_text(encoding="utf-8"))
            patterns = {str(name): float(value) for name, value in (said.get("alpha_pattern") or {}).items()}
            return cls(float(said["lora_alpha"]), patterns, bool(said.get("use_rslora")))
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None

    def alpha(self, module: str, rank: int) -> float:
        """The alpha of a module, for which the sum is multiplied by `alpha / rank`."""
        own = (
            value for end, value in self.patterns.items() if re.search(rf"(^|[._]){re.escape(end)}$", module)
        )
        alpha = next(own, self.lora_alpha)
        return alpha * math.sqrt(rank) if self.rank_stabilised else alpha
