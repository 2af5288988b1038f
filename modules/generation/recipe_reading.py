"""An infotext read as the field's programs read it: with what the older UI meant where it wrote nothing.

Names and defaults are those of the older UI's answers to `png-info`, which programs rely on.
"""

from __future__ import annotations

import math
import re
from typing import Any

from modules.imaging.infotext import parse
from modules.prompts.emphasis import is_break, parse_emphasis

_SIZE = re.compile(r"(\d+)x(\d+)")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(\d+))?.*")
_OLD_FIRST_PASS_PIXELS = 512 * 512

DEFAULTS: dict[str, Any] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}
"""What a file means that doesn't say it."""


def read_recipe(infotext: str) -> dict[str, Any]:
    """All parameters of an infotext by their names, texts as written, with prompts and defaults; never raises.

    A size "512x768" under the name "Size" becomes "Size-1" and "Size-2".
    """
    prompt, negative_prompt, written = parse(infotext)
    recipe: dict[str, Any] = {}
    for name, value in written.items():
        if size := _SIZE.fullmatch(value):
            recipe[f"{name}-1"], recipe[f"{name}-2"] = size.groups()
        else:
            recipe[name] = value
    recipe |= {"Prompt": prompt, "Negative prompt": negative_prompt}
    if hypernetwork := recipe.get("Hypernet"):  # before there were tags
        recipe["Prompt"] += f"<hypernet:{hypernetwork}:{recipe.get('Hypernet strength', '1.0')}>"
    _read_old_hires(recipe)
    recipe = {**recipe, **{name: value for name, value in DEFAULTS.items() if name not in recipe}}
    if "Emphasis" not in recipe and _has_emphasis(prompt, negative_prompt):
        recipe["Emphasis"] = "Original"
    return recipe | _habits_of(recipe)


def _read_old_hires(recipe: dict[str, Any]) -> None:
    """Very old files say the size of the result, and that of the first pass (0x0: made from it)."""
    if "First pass size-1" not in recipe or "Size-1" not in recipe:
        return
    try:
        first = (int(recipe["First pass size-1"]), int(recipe["First pass size-2"]))
        width, height = int(recipe["Size-1"]), int(recipe["Size-2"])
    except (KeyError, ValueError):
        return
    if 0 in first and width and height:
        scale = math.sqrt(_OLD_FIRST_PASS_PIXELS / (width * height))
        first = (math.ceil(scale * width / 64) * 64, math.ceil(scale * height / 64) * 64)
    recipe |= {"Size-1": first[0], "Size-2": first[1], "Hires resize-1": width, "Hires resize-2": height}


def _has_emphasis(*prompts: str) -> bool:
    return any(
        span.weight != 1.0 and not is_break(span) for prompt in prompts for span in parse_emphasis(prompt)
    )


def _habits_of(recipe: dict[str, Any]) -> dict[str, bool]:
    """What the version that made the picture did in another way than later ones."""
    version = _VERSION.fullmatch(str(recipe.get("Version", "")))
    if version is None:
        return {}
    number = tuple(int(part or 0) for part in version.groups())
    habits = {}
    if number < (1, 6, 0, 0):
        if "[" in recipe["Prompt"]:
            habits["Old prompt editing timelines"] = True
        if recipe.get("Sampler") in ("DDIM", "PLMS"):
            habits["Pad conds v0"] = True
    if number < (1, 7, 0, 225):
        habits["Downcast alphas_cumprod"] = True
    if number < (1, 8, 0, 0) and "Refiner switch at" in recipe:
        habits["Refiner switch by sampling steps"] = True
    return habits
