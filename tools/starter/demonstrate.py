"""The sheets of the documentation: what prompts, weights, steps and strengths do to the starter model's pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from modules.generation.requests import Mask
from modules.imaging.annotated_grid import annotated_grid, head
from modules.imaging.frame import OutpaintFrame
from tools.starter.export import EXAMPLES
from tools.starter.scenes import make
from tools.starter.studio import SIDE, Studio

Sheet = tuple[list[list[np.ndarray]], list[str], list[str]]
"""Rows of pictures, the columns' heads, the rows' heads."""
FOX = "a watercolor painting of a fox in a snowy forest at dusk"
QUALITY = 78
FIRST_SCENE = 7000


def _examples(studio: Studio) -> Sheet:
    return [studio.make(prompt, batch_size=4, seed=21) for prompt in EXAMPLES], [], list(EXAMPLES)


def _styles(studio: Studio) -> Sheet:
    styles = (
        "a drawing",
        "a watercolor painting",
        "pixel art",
        "a pencil sketch",
        "an oil painting",
        "a blueprint",
    )
    scenes = (
        "a red house in a meadow by day",
        "a lighthouse on a beach at sunset",
        "a castle in the snow at night",
    )
    rows = [
        studio.make(prompts=tuple(f"{s} of {scene}" for s in styles), seeds=(3,), batch_size=len(styles))
        for scene in scenes
    ]
    return rows, list(styles), list(scenes)


def _negative(studio: Studio) -> Sheet:
    prompt, without = "a cottage in the countryside by day, trees, stones", ("", "trees", "round stones")
    rows = [
        studio.make(prompt, negative_prompt=words, batch_size=5, seed=31, cfg_scale=7) for words in without
    ]
    return rows, [], [f"negative: {words}" if words else "no negative prompt" for words in without]


def _emphasis(studio: Studio) -> Sheet:
    weights = (0.5, 0.75, 1.0, 1.25, 1.5)
    prompts = (
        "a house in a meadow by day, (pencil sketch:{})",
        "a meadow, (at sunset:{})",
        "a landscape, (snowy forest:{})",
    )
    rows = [
        studio.make(prompts=tuple(prompt.format(w) for w in weights), seeds=(100,), batch_size=5)
        for prompt in prompts
    ]
    return rows, [f"{w:g}" for w in weights], [prompt.format("weight") for prompt in prompts]


def _cfg(studio: Studio) -> Sheet:
    scales = (1, 2, 4, 7, 12)
    columns = [studio.make(FOX, cfg_scale=scale, batch_size=2, seed=51) for scale in scales]
    return _turned(columns), [f"CFG {scale}" for scale in scales], []


def _steps(studio: Studio) -> Sheet:
    counts = (2, 4, 8, 12, 20, 30)
    columns = [studio.make(EXAMPLES[2], steps=count, batch_size=2, seed=61) for count in counts]
    return _turned(columns), [f"{count} steps" for count in counts], []


def _strength(studio: Studio) -> Sheet:
    (day,) = studio.make("a red house in a meadow by day", seed=5)
    strengths = (0.3, 0.5, 0.7, 0.85, 1.0)
    prompts = ("a red house in a meadow at night", "a watercolor painting of a red house in the snow by day")
    rows = [
        [day, *[studio.change(day, prompt, denoising_strength=s, seed=7)[0] for s in strengths]]
        for prompt in prompts
    ]
    return rows, ["before", *[f"strength {s:g}" for s in strengths]], list(prompts)


def _inpaint(studio: Studio) -> Sheet:
    (day,) = studio.make("a red house in a meadow by day", seed=5)
    sky = np.zeros((SIDE, SIDE, 3), np.uint8)
    sky[:48] = 255
    mask = Mask(image=studio.keep(sky), blur_x=4, blur_y=4, content="fill")
    rainbow = studio.change(day, "a rainbow in the sky", mask=mask, denoising_strength=1.0, batch_size=2)
    return [[day, sky, *rainbow]], ["before", "mask", "inpainted", "another seed"], []


def _outpaint(studio: Studio) -> Sheet:
    (day,) = studio.make("a red house in a meadow by day", seed=5)
    wide = studio.change(
        day,
        "a meadow by day",
        width=SIDE + 64,
        frame=OutpaintFrame(right=64),
        mask=Mask(content="original", blur_x=0, blur_y=0),
        denoising_strength=0.8,
        batch_size=2,
    )
    return [[day, *wide]], ["before", "64 pixels more", "another seed"], []


def _world(world: int) -> Callable[[Studio], Sheet]:
    """Drawn scenes: what a model of this world learns from."""

    def scenes(studio: Studio) -> Sheet:
        made = [make(FIRST_SCENE + number, SIDE, world)[0] for number in range(24)]
        return [made[i : i + 8] for i in range(0, 24, 8)], [], []

    return scenes


def _turned(columns: Sequence[list[np.ndarray]]) -> list[list[np.ndarray]]:
    return [list(row) for row in zip(*columns, strict=True)]


SHEETS: dict[str, Callable[[Studio], Sheet]] = {
    "world-1": _world(1),
    "world-2": _world(2),
    "examples": _examples,
    "styles": _styles,
    "negative-prompt": _negative,
    "emphasis": _emphasis,
    "cfg-scale": _cfg,
    "steps": _steps,
    "img2img-strength": _strength,
    "inpainting": _inpaint,
    "outpainting": _outpaint,
}


def demonstrate(studio: Studio, folder: Path, names: Sequence[str] = tuple(SHEETS)) -> None:
    """Make sheets as small WebP files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        rows, columns, sides = SHEETS[name](studio)
        pictures = [[Image.fromarray(picture) for picture in row] for row in rows]
        sheet = annotated_grid(pictures, [head(c) for c in columns], [head(s) for s in sides], margin=4)
        path = folder / f"{name}.webp"
        sheet.save(path, quality=QUALITY, method=6)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)
