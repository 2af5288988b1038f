"""Training states from an exported checkpoint, so that a training goes on where only its result was kept.

The optimizers begin anew, and so does the count of steps.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from tools.starter.training_state import Checkpoints

PREFIXES = {
    "vae.pt": {"": "first_stage_model."},
    "text.pt": {"text.model.": "cond_stage_model.transformer.text_model."},
    "diffusion.pt": {"unet.": "model.diffusion_model."},
}
"""For each state the modules in it and where they are in a checkpoint."""


def unpack(checkpoint: Path, folder: Path) -> None:
    """Write the states of all stages into `folder`, unless they are there."""
    tensors = load_file(checkpoint)
    for name, prefixes in PREFIXES.items():
        states = Checkpoints(folder / name)
        if states.load() is None:
            weights = _weights(tensors, prefixes)
            states.save({"model": weights, "average": weights, "step": 0})


def _weights(tensors: dict[str, Tensor], prefixes: dict[str, str]) -> dict[str, Tensor]:
    return {
        ours + name[len(theirs) :]: tensor.to(torch.float32)
        for ours, theirs in prefixes.items()
        for name, tensor in tensors.items()
        if name.startswith(theirs)
    }
