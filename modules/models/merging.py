"""Merges checkpoints into a new one, tensor by tensor: weighted sums, added differences, another VAE or precision.

One tensor of each file is in memory at a time, so checkpoints of any size can be merged.

Which names the new file holds:

- All of A's, except those that `discard` finds. A name that not all files have is copied from A.
- Of B's own names, those of the networks that A lacks entirely or in part (`model.diffusion_model.`,
  `first_stage_model.`, `cond_stage_model.`, `conditioner.`), as they are: a U-Net without text encoder merged with a
  whole checkpoint becomes whole. Left out are B's averages (`model_ema.`) and what belongs to its training.
- Integers and the text encoder's `position_ids` are A's: they count, and a mean of counts is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modules.faults import BadFile, InvalidField, NotPossibleNow
from modules.folders import write_atomically
from modules.models.merge_recipe import MergeRecipe, merged_metadata
from modules.models.merge_sources import MergeSources
from modules.models.safetensors_writer import SafetensorsWriter, TensorSpec

if TYPE_CHECKING:
    import torch

    from modules.models.checkpoint_file import TensorFile

INPUT = "model.diffusion_model.input_blocks.0.0.weight"
"""[channels, inputs, 3, 3]: 4 inputs are a latent; 9 one with mask and masked picture, 8 two latents."""
NETWORKS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "conditioner.")
VAE = "first_stage_model."
_COUNTS = "embeddings.position_ids"
_LARGEST_HALF = 65504.0


class MergeCancelled(Exception):
    """The merge was ended on request; nothing of it is left."""


@dataclass(frozen=True)
class _Part:
    """Where a tensor of the new file comes from.

    Args:
        file, source: the file's place among the sources, and the tensor's name there.
        mixed: the other files' tensors of that name are mixed in.
        channels: only the first ones of dimension 1 are mixed; None is all.
    """

    file: int
    source: str
    spec: TensorSpec
    mixed: bool = False
    channels: int | None = None


def merge(
    recipe: MergeRecipe,
    output: Path,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> Path:
    """Write the merged checkpoint.

    Args:
        output: the new file. One that is there is replaced.
        progress: called with the share that is written, 0 to 1.
        cancelled: asked before each tensor.

    Returns: `output`.

    Raises:
        BadFile: a file can't be read, or doesn't fit the others; the tensor is named.
        InvalidField: nothing would be left, or the new file would replace one that it is made of.
        NotPossibleNow: no room on the disk.
        MergeCancelled: `cancelled` said so.
    """
    from modules.models.checkpoint_file import open_tensors, open_vae

    paths = recipe.sources()
    if output.resolve() in {path.resolve() for path in (*paths, recipe.vae) if path is not None}:
        raise InvalidField("name", f"{output.name} is one of the files to merge. Choose another name.")
    openers = [partial(open_tensors, path) for path in paths]
    if recipe.vae is not None:
        openers.append(partial(open_vae, recipe.vae))
    with MergeSources(openers) as sources:
        files = sources.files[: len(paths)]
        parts = _plan(recipe, files, sources.files[-1] if recipe.vae else None)
        shape = files[0].shapes.get(INPUT, ())
        metadata = merged_metadata(
            recipe, [file.metadata for file in files], shape[1] if len(shape) > 1 else None
        )
        specs = {name: part.spec for name, part in parts.items()}
        with SafetensorsWriter(output, specs, metadata) as writer:
            total, done = max(1, writer.size), 0
            for name in writer.names:
                if cancelled():
                    raise MergeCancelled
                writer.write(name, _tensor(parts[name], sources, len(paths), recipe.multiplier))
                sources.rest()
                done += parts[name].spec.size
                progress(done / total)
            sources.close()  # Windows does not replace a file while one of that name is mapped
            writer.commit()
    _keep_config(paths, output)
    return output


def _plan(recipe: MergeRecipe, files: Sequence[TensorFile], vae: TensorFile | None) -> dict[str, _Part]:
    """All tensors of the new file by their names. Every error that the files' headers show is found here."""
    primary, others = files[0], files[1:]
    for other in others:
        if not any(name in primary.shapes for name in other.shapes):
            raise BadFile(
                other.path,
                f"it has no tensor in common with {primary.path.name}. Both must be of the same kind of model.",
            )

    def stays(name: str) -> bool:
        return not (recipe.discards(name) or (vae is not None and name.startswith(VAE)))

    parts = {name: _part(recipe, name, primary, others) for name in primary.shapes if stays(name)}
    for name in others[0].shapes if others else ():
        wanted = name.startswith(NETWORKS) and not name.endswith(_COUNTS) and stays(name)
        if wanted and name not in primary.shapes:
            parts[name] = _Part(1, name, _spec(recipe, others[0], name))
    if vae is not None:
        _check_vae(vae, primary)
        for name in vae.shapes:
            if not recipe.discards(VAE + name):
                parts[VAE + name] = _Part(len(files), name, _spec(recipe, vae, name))
    if not parts:
        raise InvalidField("discard", "discard leaves nothing of the checkpoint. Make it match fewer names.")
    return parts


def _spec(recipe: MergeRecipe, file: TensorFile, name: str) -> TensorSpec:
    import torch

    dtype = file.dtypes[name]
    return TensorSpec(
        tuple(file.shapes[name]), torch.float16 if recipe.half and dtype.is_floating_point else dtype
    )


def _part(recipe: MergeRecipe, name: str, primary: TensorFile, others: Sequence[TensorFile]) -> _Part:
    spec = _spec(recipe, primary, name)
    everywhere = bool(others) and all(name in other.shapes for other in others)
    if not everywhere or name.endswith(_COUNTS) or not primary.dtypes[name].is_floating_point:
        return _Part(0, name, spec)
    for other in others:
        _check_shape(name, primary, others[0], other)
    whole = tuple(others[0].shapes[name]) == spec.shape
    return _Part(0, name, spec, mixed=True, channels=None if whole else others[0].shapes[name][1])


def _check_shape(name: str, primary: TensorFile, second: TensorFile, other: TensorFile) -> None:
    ours, theirs = tuple(primary.shapes[name]), tuple(other.shapes[name])
    # A difference of B and C needs the same shapes of both.
    if theirs == tuple(second.shapes[name]) and (ours == theirs or _widens(name, ours, theirs)):
        return
    if _widens(name, theirs, ours):
        reason = (
            f"it is an inpainting or editing model and {primary.path.name} is not. Choose it as checkpoint A."
        )
    else:
        expected = ours if other is second else tuple(second.shapes[name])
        model = primary if other is second else second
        reason = (
            f"its tensor {name} has the shape {_shape(theirs)}, where {model.path.name} has {_shape(expected)}. "
            "Only models of the same kind can be merged."
        )
    raise BadFile(other.path, reason)


def _widens(name: str, wide: tuple[int, ...], plain: tuple[int, ...]) -> bool:
    """Whether `wide` is the input of an inpainting or instruct-pix2pix model, and `plain` that of its base."""
    return (
        name == INPUT
        and len(wide) == len(plain) == 4
        and wide[1] in (8, 9)
        and plain[1] == 4
        and (wide[0], *wide[2:]) == (plain[0], *plain[2:])
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "of a single number"


def _check_vae(vae: TensorFile, primary: TensorFile) -> None:
    """Its names are those of `first_stage_model.`, without that prefix."""
    for name, theirs in vae.shapes.items():
        ours = primary.shapes.get(VAE + name)
        if ours is not None and tuple(ours) != tuple(theirs):
            raise BadFile(
                vae.path,
                f"its tensor {name} has the shape {_shape(tuple(theirs))}, where {primary.path.name} has "
                f"{_shape(tuple(ours))}. Choose a VAE for this kind of model.",
            )


def _tensor(part: _Part, sources: MergeSources, count: int, multiplier: float) -> torch.Tensor:
    """The finished tensor. It is computed in float32 (or wider, where A is).

    Args: count: how many of the sources are mixed; the one behind them is the VAE.
    """
    import torch

    tensor = sources.tensor(part.file, part.source)
    if part.mixed:
        work = torch.float64 if tensor.dtype == torch.float64 else torch.float32
        tensor = tensor.to(work, copy=True)
        place = tensor if part.channels is None else tensor[:, : part.channels]
        if count == 2:
            place.mul_(1 - multiplier)
        for file, factor in zip(range(1, count), (multiplier, -multiplier), strict=False):
            place.add_(sources.tensor(file, part.source).to(work), alpha=factor)
    dtype = part.spec.dtype
    if dtype == torch.float16 and tensor.dtype != torch.float16:
        # Weights beyond the range of float16 are rare; its largest number is nearer to them than infinity.
        tensor = tensor.float().clamp(-_LARGEST_HALF, _LARGEST_HALF)
    return tensor.to(dtype)


def _keep_config(paths: Sequence[Path], output: Path) -> None:
    """Copy the `.yaml` beside the first file that has one: it may say what the tensors can't."""
    for path in paths:
        config = path.with_suffix(".yaml")
        if config.is_file():
            copy = output.with_name(f"{output.stem}.yaml")
            try:
                write_atomically(copy, config.read_bytes())
            except OSError as error:
                message = f"{output.name} is complete, but {config.name} could not be copied beside it."
                raise NotPossibleNow(message) from error
            return
