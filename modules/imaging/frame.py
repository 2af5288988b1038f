"""The frame of outpainting: how far a picture grows on each side."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.faults import InvalidField

FIELD = "outpaint"
"""The field that faults of a frame name."""

_MULTIPLE = 8


@dataclass(frozen=True)
class OutpaintFrame:
    """How many pixels a picture grows by on each side.

    Raises: InvalidField: a side is negative.
    """

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def __post_init__(self) -> None:
        for side in ("left", "right", "top", "bottom"):
            if getattr(self, side) < 0:
                raise InvalidField(
                    FIELD, f"{FIELD}: {side} is {getattr(self, side)}; it must be 0 or more pixels."
                )

    def rounded(self, width: int, height: int) -> OutpaintFrame:
        """The frame made larger, so that a picture of this size gets sides that are multiples of 8.

        It grows at the right and at the bottom; where only the left (or only the top) is extended, there.
        """
        across = -(width + self.left + self.right) % _MULTIPLE
        down = -(height + self.top + self.bottom) % _MULTIPLE
        frame = self
        if self.left and not self.right:
            frame = replace(frame, left=self.left + across)
        else:
            frame = replace(frame, right=self.right + across)
        if self.top and not self.bottom:
            return replace(frame, top=self.top + down)
        return replace(frame, bottom=self.bottom + down)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size of a picture of this size with the frame."""
        return width + self.left + self.right, height + self.top + self.bottom
