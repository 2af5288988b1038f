"""The names of finished pictures: what the patterns in `SavingOptions` can tell of a job and a picture."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modules.generation.results import GeneratedImage
from modules.generation.saving import SavingOptions
from modules.imaging import file_names
from modules.imaging.file_names import SKIP, Values, digits, fill, inside_folder, part_of_name
from modules.imaging.infotext import parse

if TYPE_CHECKING:
    from modules.jobs.queue import Job

LONGEST_NAME = 200  # bytes: file systems hold 255, and a number, a suffix and a temporary name come on top


def folder_of(options: SavingOptions, values: Values) -> str:
    """The folder below that of the request's kind, with slashes; "" is that one itself."""
    return "/".join(_short(part) for part in inside_folder(fill(options.folder, values)))


def stem_of(options: SavingOptions, values: Values) -> str:
    """The name without number and suffix; "" where the pattern gives nothing. No slashes if it is numbered."""
    filled = fill(options.name, values)
    if options.numbered:
        filled = filled.replace("/", "_").replace("\\", "_")
    return "/".join(_short(part) for part in inside_folder(filled))


def values_of(job: Job, picture: GeneratedImage) -> Values:
    """What fills the patterns in. Most of it is what the recipe says, so that names and recipes agree."""
    options: SavingOptions = job.request.saving
    prompt, negative, recipe = parse(picture.infotext)
    batch = getattr(job.request, "batch_size", 1)
    sampler, scheduler = recipe.get("Sampler", ""), recipe.get("Schedule type", "")
    both = sampler if scheduler in ("", "Automatic") else f"{sampler} {scheduler}"
    begun = datetime.fromtimestamp(job.created)

    def spaced(text: str) -> str:
        return part_of_name(text, underscores=False)

    told: dict[str, object] = {
        "basename": "img",
        "seed": picture.seed,
        "seed_first": picture.seed,
        "seed_last": picture.seed,
        "steps": recipe.get("Steps", ""),
        "cfg": recipe.get("CFG scale", ""),
        "width": picture.image.width,
        "height": picture.image.height,
        "styles": "None",  # they are part of the prompt by now
        "sampler": spaced(sampler),
        "scheduler": spaced(scheduler),
        "sampler_scheduler": spaced(both),
        "model_hash": recipe.get("Model hash", ""),
        "model_name": spaced(recipe.get("Model", "")),
        "date": datetime.now().strftime("%Y-%m-%d"),
        "job_timestamp": begun.strftime("%Y%m%d%H%M%S"),
        "prompt": part_of_name(prompt),
        "prompt_no_styles": spaced(prompt),
        "prompt_spaces": spaced(prompt),
        "prompt_words": file_names.first_words(prompt, options.words),
        "batch_number": picture.number % batch + 1 if batch > 1 else SKIP,
        "batch_size": batch,
        "generation_number": picture.number + 1 if job.total > 1 else SKIP,
        "clip_skip": recipe.get("Clip skip", "1"),
        "denoising": recipe.get("Denoising strength", SKIP),
        "user": "",
        "vae_filename": spaced(PurePosixPath(recipe.get("VAE", "NoneType")).stem),
        "none": SKIP,
    }
    return {
        **{name: _always(value) for name, value in told.items()},
        "datetime": file_names.now,
        "hasprompt": lambda *words: file_names.words_found(prompt, words),
        "prompt_hash": lambda *n: digits(_bytes(prompt), *n, length=8),
        "negative_prompt_hash": lambda *n: digits(_bytes(negative), *n, length=8),
        "full_prompt_hash": lambda *n: digits(_bytes(f"{prompt} {negative}"), *n, length=8),
        "image_hash": lambda *n: digits(picture.image.tobytes(), *n),
    }


def _always(value: object) -> file_names.Value:
    return lambda *arguments: value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _short(part: str) -> str:
    """A part of a path that file systems hold."""
    return part.encode("utf-8", "replace")[:LONGEST_NAME].decode(errors="ignore").rstrip(" .")
