"""`modules.extra_networks_hypernet` of the older UI: the kind of tag for hypernetworks."""

from __future__ import annotations

from modules.compat.extra_networks import OwnNetwork


class ExtraNetworkHypernet(OwnNetwork):
    """`<hypernet:name:weight>`."""

    def __init__(self) -> None:
        super().__init__("hypernet")
