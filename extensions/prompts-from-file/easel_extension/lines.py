"""The lines of a file of prompts: a prompt, or flags.

a fox in the snow
--prompt "a fox" --negative_prompt "blurry" --steps 30 --seed 5
--prompt a fox without quotes --sampler_name "Euler a" --width 512
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modules.faults import Fault, InvalidField, NotSupported
from modules.generation.requests import GenerationRequest, ImageToImage, TextToImage
from modules.imaging.face_restoration import NAMES
from modules.plugins.program import Program
from modules.prompts import styles
from modules.prompts.styles import Style
from modules.sampling.catalogue import all_samplers, find_scheduler, resolve

FIELD = "prompt_txt"
_WORD = re.compile(r'"((?:\\.|[^"\\])*)"(?=\s|$)|\'((?:[^\'])*)\'(?=\s|$)|(\S+)')
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
TEXTS = ("prompt", "negative_prompt")
Flags = dict[str, Any]


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{word!r} is no whole number") from None


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None


def _yes_or_no(word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise ValueError(f"{word!r} is neither true nor false")


def _sampler_of_place(word: str) -> str:
    place, samplers = _whole(word), all_samplers()
    if not 0 <= place < len(samplers):
        raise ValueError(f"there is no sampler number {place}")
    return samplers[place].name


def _sampler(word: str) -> str:
    resolve(word, "Automatic")
    return word


def _schedule(word: str) -> str:
    return find_scheduler(word).label


FLAGS: Mapping[str, Callable[[str], Any]] = {
    "prompt": str,
    "negative_prompt": str,
    "styles": str,
    "seed": _whole,
    "subseed": _whole,
    "subseed_strength": _number,
    "seed_resize_from_h": _whole,
    "seed_resize_from_w": _whole,
    "sampler_name": _sampler,
    "sampler_index": _sampler_of_place,
    "scheduler": _schedule,
    "batch_size": _whole,
    "n_iter": _whole,
    "steps": _whole,
    "cfg_scale": _number,
    "width": _whole,
    "height": _whole,
    "tiling": _yes_or_no,
    "restore_faces": _yes_or_no,
    "do_not_save_samples": _yes_or_no,
    "denoising_strength": _number,
    "sd_model": str,
}
NOT_HERE = {
    "outpath_samples": "the settings say where pictures are saved",
    "outpath_grids": "the settings say where grids are saved",
    "do_not_save_grid": "no grid is made here",
    "prompt_for_display": "pictures always say the prompt that they were made with",
}


def read_line(line: str, number: int) -> Flags:
    """What a line asks for: a line that does not begin with `--` is a prompt as it stands.

    Args: number: of the line, from 1, for errors.

    Raises: InvalidField, NotSupported.
    """
    if not line.startswith("--"):
        return {"prompt": line}
    words = _words(line, number)
    flags: Flags = {}
    place = 0
    while place < len(words):
        word, quoted = words[place]
        name = word[2:].replace("-", "_")
        place += 1
        if quoted or not word.startswith("--"):
            raise InvalidField(FIELD, f"Prompts from file, line {number}: {word!r} belongs to no flag.")
        if name in NOT_HERE:
            raise NotSupported(
                f"Prompts from file, line {number}: {word} can't be used, {NOT_HERE[name]}.", FIELD
            )
        if name not in FLAGS:
            raise InvalidField(
                FIELD,
                f"Prompts from file, line {number}: there is no flag {word}. There are {', '.join(FLAGS)}.",
            )
        values = []
        while place < len(words) and (words[place][1] or not words[place][0].startswith("--")):
            values.append(words[place][0])
            place += 1
            if name not in TEXTS:
                break
        if not values:
            raise InvalidField(FIELD, f"Prompts from file, line {number}: {word} has no value.")
        try:
            flags[name] = FLAGS[name](" ".join(values))
        except (ValueError, Fault) as error:
            said = error.message if isinstance(error, Fault) else f"{error}."
            raise InvalidField(FIELD, f"Prompts from file, line {number}, {word}: {said}") from error
    return flags


def _words(line: str, number: int) -> list[tuple[str, bool]]:
    """The words, and whether they stood in quotes. In double quotes a backslash stands before a quote or itself."""
    words = []
    for found in _WORD.finditer(line):
        double, single, plain = found.groups()
        if double is not None:
            words.append((re.sub(r'\\(["\\])', r"\1", double), True))
        elif single is not None:
            words.append((single, True))
        elif plain.startswith('"'):
            raise InvalidField(FIELD, f"Prompts from file, line {number}: a quote is not closed.")
        else:
            words.append((plain, False))
    return words


def request_of(
    flags: Flags, request: GenerationRequest, position: str, program: Program
) -> GenerationRequest:
    """The request that a line's flags make of the form's.

    Args: position: where the line's prompts stand: at the "start" or "end" of the form's.

    Raises: Fault: a value that can't be.
    """
    plain = {"seed", "steps", "cfg_scale", "width", "height", "batch_size", "tiling", "scheduler"}
    changes = {name: value for name, value in flags.items() if name in plain}
    for name in TEXTS:
        if name in flags:
            around = [flags[name], getattr(request, name)]
            ordered = around if position == "start" else around[::-1]
            changes[name] = " ".join(part for part in ordered if part)
    if "seed" in flags:
        changes["seeds"] = ()
    if "n_iter" in flags:
        changes["batch_count"] = flags["n_iter"]
    if "sd_model" in flags:
        changes["checkpoint"] = program.find_checkpoint(flags["sd_model"])
    if "restore_faces" in flags:
        restorer = request.faces.restorer or NAMES[0] if flags["restore_faces"] else None
        changes["faces"] = replace(request.faces, restorer=restorer)
    if flags.get("do_not_save_samples"):
        changes["save"] = False
    if wanted := flags.get("sampler_name") or flags.get("sampler_index"):
        sampler, schedule = resolve(wanted, changes.get("scheduler", request.scheduler))
        changes |= {"sampler": sampler.name, "scheduler": schedule.label}
    places = {
        "subseed": "variation_seed",
        "subseed_strength": "variation_strength",
        "seed_resize_from_w": "resize_from_width",
        "seed_resize_from_h": "resize_from_height",
    }
    noise = {ours: flags[theirs] for theirs, ours in places.items() if theirs in flags}
    if noise:
        changes |= {"noise": replace(request.noise, **noise), "variation_seeds": ()}
    changed = replace(request, **changes)
    if "denoising_strength" in flags:
        changed = _denoised(changed, flags["denoising_strength"])
    if "styles" in flags:
        names = [name.strip() for name in flags["styles"].split(",")]
        changed = _styled(changed, program.find_styles(names))
    return changed


def _denoised(request: GenerationRequest, strength: float) -> GenerationRequest:
    if isinstance(request, ImageToImage):
        return replace(request, denoising_strength=strength)
    if isinstance(request, TextToImage) and request.hires is not None:
        return replace(request, hires=replace(request.hires, denoising_strength=strength))
    raise InvalidField("denoising_strength", "--denoising_strength needs a picture or hires fix.")


def _styled(request: GenerationRequest, chosen: list[Style]) -> GenerationRequest:
    return replace(
        request,
        prompt=styles.apply(request.prompt, chosen),
        negative_prompt=styles.apply_negative(request.negative_prompt, chosen),
    )
