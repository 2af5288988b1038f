"""`modules.sd_unet` of the older UI: U-Nets apart from checkpoints. The program uses the checkpoint's own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

unet_options: list[SdUnetOption] = []
current_unet_option: SdUnetOption | None = None
current_unet: SdUnet | None = None


class SdUnetOption:
    """A U-Net that could be chosen. Extensions derive theirs from it."""

    model_name: str | None = None
    label: str | None = None

    def create_unet(self) -> SdUnet:
        """Make it."""
        raise NotImplementedError


class SdUnet:
    """A U-Net. Extensions derive theirs from it."""

    def forward(self, x: Any, timesteps: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """The prediction."""
        raise NotImplementedError

    def activate(self) -> None:
        """It is going to be used."""

    def deactivate(self) -> None:
        """It is no longer used."""


def list_unets() -> None:
    """Ask the extensions which there are."""
    unet_options.clear()
    unet_options.extend(import_module("modules.compat.script_callbacks").list_unets_callback())


def get_unet_option(option: str | None = None) -> SdUnetOption | None:
    """The U-Net of this label."""
    return next((each for each in unet_options if option and each.label == option), None)


def apply_unet(option: str | None = None) -> None:
    """Nothing: the checkpoint's own is used."""


def create_unet_forward(original_forward: Any) -> Any:
    """The function itself."""
    return original_forward
