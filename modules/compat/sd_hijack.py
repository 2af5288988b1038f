"""`modules.sd_hijack` of the older UI: the object by which extensions reach embeddings and token counts.

Nothing is hijacked here: the networks are the program's own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from modules.compat.textual_inversion.textual_inversion import EmbeddingDatabase

optimizers: list[Any] = []
current_optimizer: Any = None


class StableDiffusionModelHijack:
    """What stands between the older UI and a model."""

    fixes: Any = None
    layers: Any = None
    optimization_method: str | None = "sdp"

    def __init__(self) -> None:
        self.embedding_db = EmbeddingDatabase()
        self.extra_generation_params: dict[str, Any] = {}
        self.comments: list[str] = []
        self.circular_enabled = False
        self._circular: AbstractContextManager[None] | None = None

    @property
    def clip(self) -> Any:
        """The text encoder of the loaded model; None without one."""
        from modules.compat.sd_models import model_data

        model = model_data.sd_model
        return None if model is None else model.cond_stage_model

    def hijack(self, m: Any) -> None:
        """Nothing."""

    def undo_hijack(self, m: Any) -> None:
        """Nothing."""

    def redo_hijack(self, m: Any) -> None:
        """Nothing."""

    def apply_optimizations(self, option: str | None = None) -> str | None:
        """Nothing: attention is PyTorch's own function."""
        return self.optimization_method

    def convert_sdxl_to_ssd(self, m: Any) -> None:
        """Nothing: such models are recognised by their tensors."""

    def apply_circular(self, enable: bool) -> None:
        """Have the edges of pictures fit together from now on, or no longer."""
        from modules.compat.sd_models import model_data
        from modules.models.tiling import circular_convolutions

        if self._circular is not None:
            self._circular.__exit__(None, None, None)
            self._circular = None
        model = model_data.sd_model
        if enable and model is not None:
            self._circular = circular_convolutions(model.loaded.unet, model.loaded.vae)
            self._circular.__enter__()
        self.circular_enabled = enable

    def clear_comments(self) -> None:
        """Forget remarks about prompts."""
        self.comments = []
        self.extra_generation_params = {}

    def get_prompt_lengths(self, text: str) -> tuple[Any, Any]:
        """How many places a prompt takes, and how many its chunks have; "-" twice without a model."""
        clip = self.clip
        return ("-", "-") if clip is None else clip.get_prompt_lengths(text)

    def tokenize(self, text: str) -> tuple[list[Any], int, int]:
        """The chunks of a prompt, its tokens' number, and the places of the chunks."""
        clip = self.clip
        if clip is None:
            return [], 0, 75
        chunks, count = clip.tokenize_line(text)
        return chunks, count, clip.get_target_prompt_token_count(count)


class EmbeddingsWithFixes:
    """The older UI's layer for words with vectors of their own; the program needs none."""


def list_optimizers() -> None:
    """Nothing: there is one way to compute attention."""


def apply_optimizations(option: str | None = None) -> str:
    """Nothing."""
    return ""


def undo_optimizations() -> None:
    """Nothing."""


def fix_checkpoint() -> None:
    """Nothing."""


def add_circular_option_to_conv_2d() -> None:
    """Nothing: `apply_circular` changes the layers themselves."""


def register_buffer(self: Any, name: str, attr: Any) -> None:
    """Set an attribute."""
    setattr(self, name, attr)


model_hijack = StableDiffusionModelHijack()
