"""Reads diffusers folders: the parts of a model in subfolders, under the names of the original checkpoints.

`model_index.json` stands beside `unet/`, `vae/`, `text_encoder/` and others, each of which has its weights in a
safetensors file or pickle, whole or in shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from modules.faults import BadFile
from modules.models.checkpoint_tensors import RenamedTensors, TensorFile
from modules.models.diffusers_keys import text_encoder_names, unet_names, vae_names, vae_shape
from modules.models.tensor_names import Shape

Open = Callable[[Path], TensorFile]

_HELPERS = {
    "depth_estimator": "depth_model.",
    "image_encoder": "embedder.",
    "image_normalizer": "noise_augmentor.",
}
"""Networks beside the usual ones, whose names are taken over as they are."""
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_MAX_JSON = 1 << 25
_PREDICTIONS = {"v_prediction": "v"}


def open_folder(folder: Path, open_file: Open) -> TensorFile:
    """The tensors of a diffusers folder under the names of the original checkpoints.

    SD1 and SD2: `cond_stage_model.transformer.`; SDXL: `conditioner.embedders.0.transformer.` and `.1.`; SDXL's
    refiner, which has only the second text encoder: `conditioner.embedders.0.transformer.`; after that come
    transformers' names.

    Args: open_file: opens one file of tensors.

    Raises: BadFile.
    """
    present = _parts(folder)
    if "unet" not in present:
        raise BadFile(folder, "it is a diffusers folder of a model without a U-Net, which Easel can't run.")
    first, second = "text_encoder" in present, "text_encoder_2" in present
    prefixes = {"unet": "model.diffusion_model.", "vae": "first_stage_model.", **_HELPERS}
    if first:
        prefixes["text_encoder"] = (
            "conditioner.embedders.0.transformer." if second else "cond_stage_model.transformer."
        )
    if second:
        prefixes["text_encoder_2"] = f"conditioner.embedders.{int(first)}.transformer."

    sources: dict[str, tuple[TensorFile, str]] = {}
    shapes: dict[str, Shape] = {}
    files: list[TensorFile] = []
    try:
        for part in sorted(present & set(prefixes)):
            found: dict[str, TensorFile] = {}
            for path, wanted in _weight_files(folder, part):
                file = open_file(path)
                files.append(file)
                missing = next((name for name in wanted if name not in file.shapes), None)
                if missing is not None:
                    raise BadFile(
                        folder, f"{part}/{path.name} lacks the tensor {missing}. Download it again."
                    )
                found |= dict.fromkeys(file.shapes, file)
            for ours, theirs in _names(folder, part, found).items():
                sources[prefixes[part] + ours] = found[theirs], theirs
                shape = found[theirs].shapes[theirs]
                shapes[prefixes[part] + ours] = vae_shape(ours, shape) if part == "vae" else shape
        return RenamedTensors(folder, folder_metadata(folder), sources, shapes, tuple(files))
    except BadFile:
        for file in files:
            file.close()
        raise


def folder_metadata(folder: Path) -> dict[str, str]:
    """What the folder says about the model, in the words of safetensors metadata.

    `modelspec.prediction_type` is "v" or "epsilon"; `ztsnr` is "true" where the noise schedule ends at pure noise.

    Raises: BadFile.
    """
    _parts(folder)
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return {}
    config = _json(folder, path)
    prediction = config.get("prediction_type", "epsilon")
    metadata = {"modelspec.prediction_type": str(_PREDICTIONS.get(prediction, prediction))}
    if config.get("rescale_betas_zero_snr") is True:
        metadata["ztsnr"] = "true"
    return metadata


def _parts(folder: Path) -> set[str]:
    """The parts that the model has."""
    path = folder / "model_index.json"
    if not path.is_file():
        if (folder / "config.json").is_file():
            raise BadFile(
                folder, "it is only one part of a model; take the folder that holds model_index.json."
            )
        raise BadFile(folder, "it is no diffusers folder, as it holds no model_index.json.")
    index = _json(folder, path)
    named = {part for part, kind in index.items() if isinstance(kind, list) and any(kind)}
    return {part for part in named if _is_plain(part) and (folder / part).is_dir()}


def _names(folder: Path, part: str, names: Iterable[str]) -> dict[str, str]:
    if part in _HELPERS:
        return {name: name for name in names}
    if part == "unet":
        try:
            return unet_names(names)
        except KeyError as error:
            raise BadFile(
                folder, f"its U-Net has {error.args[0]}, which no Stable Diffusion model has."
            ) from error
    return vae_names(names) if part == "vae" else text_encoder_names(names)


def _weight_files(folder: Path, part: str) -> Iterator[tuple[Path, list[str]]]:
    """The files with a part's weights, each with the tensors that must be in it.

    The whole weights come before those in half precision, safetensors before pickles.
    """
    for variant in ("", ".fp16"):
        for suffix in (".safetensors", ".bin"):
            for stem in _STEMS:
                path = folder / part / f"{stem}{variant}{suffix}"
                if path.is_file():
                    yield path, []
                    return
                for index in (
                    folder / part / f"{stem}{variant}{suffix}.index.json",
                    folder / part / f"{stem}{suffix}.index{variant}.json",
                ):
                    if index.is_file():
                        yield from _shards(folder, index)
                        return
    raise BadFile(folder, f"the weights of its {part} are missing. Download them again.")


def _shards(folder: Path, index: Path) -> Iterator[tuple[Path, list[str]]]:
    places = _json(folder, index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(n, str) and _is_plain(n) for n in places.values()):
        raise BadFile(folder, f"{index.parent.name}/{index.name} is damaged. Download it again.")
    for shard in sorted(set(places.values())):
        path = index.parent / shard
        if not path.is_file():
            raise BadFile(folder, f"{index.parent.name}/{shard} is missing. Download it again.")
        yield path, [name for name, place in places.items() if place == shard]


def _is_plain(name: str) -> bool:
    """Is it the name of something in this very folder?"""
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\:\0")


def _json(folder: Path, path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ValueError
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(folder, f"{path.name} can't be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(folder, f"{path.name} is damaged. Download it again.") from error
    if not isinstance(content, dict):
        raise BadFile(folder, f"{path.name} is damaged. Download it again.")
    return content
