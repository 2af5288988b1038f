"""X/Y/Z plot: what is typed, which cells are made in which order, the grid, and a plot on the starter model."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from modules.faults import Fault, InvalidField, NotSupported
from modules.folders import PROGRAM
from modules.generation.requests import GenerationRequest, HiresFix, ImageToImage, Refiner, TextToImage
from modules.imaging.infotext import parse
from modules.plugins.hooks import PlotAxis
from modules.plugins.program import Program
from modules.prompts.styles import Style
from tests import script_support
from tests.script_support import Fake, part, script, studio_of
from tests.starter import SIDE, Starter

MODULE = script_support.extension("xyz-plot")
spans, axes = part(MODULE, "spans"), part(MODULE, "axes")
PLOT = script_support.script("xyz-plot", "X/Y/Z plot")
REQUEST = TextToImage(prompt="a fox, in snow", seed=10, steps=4, width=32, height=24)


def plotted(request: GenerationRequest = REQUEST, **values: Any) -> tuple[Fake, list[Any]]:
    fake = Fake()
    kind = "txt2img" if isinstance(request, TextToImage) else "img2img"
    return fake, fake.run(script("xyz-plot", "X/Y/Z plot", kind), request, **values)


def test_the_order_of_the_controls_is_what_programs_send() -> None:
    axes_first = [f"{letter}_{name}" for letter in "xyz" for name in ("type", "values", "values_dropdown")]
    grid = ["draw_legend", "include_lone_images", "include_sub_grids", "no_fixed_seeds"]
    seeds = ["vary_seeds_x", "vary_seeds_y", "vary_seeds_z"]
    assert list(PLOT.defaults) == [*axes_first, *grid, *seeds, "margin_size", "csv_mode"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("5", [5]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-5 (+2)", [1, 3, 5]),
        ("10-5 (-3)", [10, 7]),
        ("5-2", [5, 4, 3, 2]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("-1", [-1]),
        ("-2 - 2", [-2, -1, 0, 1, 2]),
    ],
)
def test_whole_numbers(typed: str, meant: list[int]) -> None:
    assert spans.whole_numbers(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0-1 (+0.25)", [0, 0.25, 0.5, 0.75, 1]),
        ("0.1-0.5 (+0.1)", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1-0 (-0.5)", [1, 0.5, 0]),
        ("0-1 [5]", [0, 0.25, 0.5, 0.75, 1]),
        ("7.5", [7.5]),
        ("1e-3", [0.001]),
        (".5-1.5", [0.5, 1.5]),
    ],
)
def test_numbers(typed: str, meant: list[float]) -> None:
    assert spans.numbers(typed) == meant


@pytest.mark.parametrize(
    "typed", ["", "x", "1-5 (-1)", "1-5 (0)", "1-5 [0]", "1-9999999", "1.5", "1-2 (+0.5)"]
)
def test_no_whole_numbers(typed: str) -> None:
    with pytest.raises(ValueError):
        spans.whole_numbers(typed)


@pytest.mark.parametrize("values", [["a", "b"], ["a, b", "c"], ['say "hi"', "x,y"], ["DPM++ 2M"]])
def test_words_with_commas_and_quotes(values: list[str]) -> None:
    assert spans.words(spans.joined(values)) == values


def test_words() -> None:
    assert spans.words('fox, "red, fox" ,\n wolf,,') == ["fox", "red, fox", "wolf"]


def test_cells_and_infotext_of_the_grid() -> None:
    fake, (grid,) = plotted(x_type="Steps", x_values="1-3", y_type="CFG Scale", y_values="2, 4.5")
    made = [(one.steps, one.cfg_scale, one.seed) for one in fake.requests]
    assert made == [(s, c, 10) for c in (2, 4.5) for s in (1, 2, 3)] and fake.expected == [6]
    prompt, _, facts = parse(grid.infotext)
    assert grid.kind == "grid" and prompt == REQUEST.prompt and facts["Steps"] == "1"
    assert (facts["Script"], facts["X Type"], facts["X Values"]) == ("X/Y/Z plot", "Steps", "1-3")
    assert (facts["Y Type"], facts["Y Values"]) == ("CFG Scale", "2, 4.5") and "Z Type" not in facts
    assert grid.image.width > 3 * 32 and grid.image.height > 2 * 24  # with the legend


def test_places_without_a_legend() -> None:
    _, (grid,) = plotted(
        x_type="Seed", x_values="1-3", y_type="Size", y_values="32x24, 16x8", draw_legend=False
    )
    assert grid.image.size == (96, 32)
    assert [grid.image.getpixel((16 + 32 * i, 12)) for i in range(3)] == [(7,) * 3, (14,) * 3, (21,) * 3]
    assert grid.image.getpixel((32 + 16, 24 + 4)) == (14,) * 3 and grid.image.getpixel((1, 30)) == (255,) * 3


def test_margins() -> None:
    _, (grid,) = plotted(x_type="Seed", x_values="1-3", draw_legend=False, margin_size=10)
    assert grid.image.size == (3 * 32 + 20, 24)


def test_the_dearest_axis_is_changed_least_often() -> None:
    fake, (grid,) = plotted(
        x_type="Checkpoint name",
        x_values="one, two",
        y_type="Seed",
        y_values="1,2",
        z_type="VAE",
        z_values="a, b",
    )
    made = [(one.checkpoint, one.vae, one.seed) for one in fake.requests]
    assert made == [(c, v, s) for c in ("one", "two") for v in "ab" for s in (1, 2)]
    # the grid's order is that of the values: seed 1 above seed 2 in both columns
    assert parse(grid.infotext)[2]["Z Values"] == "a, b"


def test_z_sub_grids_and_single_pictures() -> None:
    _, pictures = plotted(
        x_type="Seed",
        x_values="1,2",
        z_type="Steps",
        z_values="3,5",
        include_lone_images=True,
        include_sub_grids=True,
    )
    assert [one.kind for one in pictures] == ["picture"] * 4 + ["grid"] * 3
    facts = parse(pictures[-2].infotext)[2]
    assert facts["Steps"] == "5" and "Z Type" not in facts  # the sub-grid's own
    assert parse(pictures[-1].infotext)[2]["Z Type"] == "Steps"


def test_random_seeds_are_drawn_once() -> None:
    fake, (grid,) = plotted(x_type="Seed", x_values="-1, 5", y_type="Steps", y_values="1,2")
    seeds = [one.seed for one in fake.requests]
    assert seeds[0] == seeds[2] >= 0 and seeds[1] == seeds[3] == 5
    assert parse(grid.infotext)[2]["Fixed X Values"] == f"{seeds[0]}, 5"


def test_seeds_that_are_not_fixed() -> None:
    fake, (grid,) = plotted(
        x_type="Seed", x_values="-1", y_type="Steps", y_values="1,2,3", no_fixed_seeds=True
    )
    assert len({one.seed for one in fake.requests}) == 3 and min(one.seed for one in fake.requests) >= 0
    assert "Fixed X Values" not in parse(grid.infotext)[2]


def test_minus_one_is_drawn_once_or_for_each_cell() -> None:
    random = replace(REQUEST, seed=-1)
    fake, _ = plotted(random, x_type="Steps", x_values="1,2,3")
    assert len({one.seed for one in fake.requests}) == 1
    fake, _ = plotted(random, x_type="Steps", x_values="1,2,3", no_fixed_seeds=True)
    assert len({one.seed for one in fake.requests}) == 3


def test_names_are_those_of_the_program() -> None:
    known = {"Ink": Style("Ink", "{prompt} in ink"), "Oil": Style("Oil", "oil", "flat")}
    program = Program(
        find_checkpoint=lambda name: f"{name}.safetensors",
        find_styles=lambda names: [known[name] for name in names if name != "None"],
        check=lambda request: replace(request, sampler="checked"),
        styles=lambda: list(known.values()),
    )
    fake = Fake()
    plot = script("xyz-plot", "X/Y/Z plot", program=program)
    (grid,) = fake.run(
        plot,
        REQUEST,
        x_type="Styles",
        x_values='None, Ink, "Ink, Oil"',
        y_type="Checkpoint name",
        y_values="a, b",
    )
    prompts = ["a fox, in snow", "a fox, in snow in ink", "a fox, in snow in ink, oil"]
    assert [one.prompt for one in fake.requests] == prompts * 2
    assert {one.negative_prompt for one in fake.requests} == {"", "flat"}
    assert [one.checkpoint for one in fake.requests] == ["a.safetensors"] * 3 + ["b.safetensors"] * 3
    assert {one.sampler for one in fake.requests} == {"checked"}
    assert parse(grid.infotext)[2]["X Values"] == 'None, Ink, "Ink, Oil"'
    assert axes.find("Styles", "txt2img", "x_type").choices(program) == ["None", "Ink", "Oil"]
    with pytest.raises(InvalidField, match=r"X axis \(Styles\): There is no style named 'Ink'"):
        plotted(x_type="Styles", x_values="Ink")


@pytest.mark.parametrize(
    ("varied", "seeds"),
    [
        ({"vary_seeds_x": True}, [10, 11, 10, 11, 10, 11, 10, 11]),
        ({"vary_seeds_y": True}, [10, 10, 11, 11, 10, 10, 11, 11]),
        ({"vary_seeds_x": True, "vary_seeds_z": True}, [10, 11, 10, 11, 12, 13, 12, 13]),
        ({"vary_seeds_x": True, "vary_seeds_y": True, "vary_seeds_z": True}, list(range(10, 18))),
    ],
)
def test_seeds_vary_along_axes(varied: dict[str, bool], seeds: list[int]) -> None:
    axis: dict[str, Any] = {"x_type": "Steps", "x_values": "1,2", "y_type": "CFG Scale", "y_values": "1,2"}
    axis |= {"z_type": "Clip skip", "z_values": "1,2", **varied}
    fake, _ = plotted(REQUEST, **axis)
    assert [one.seed for one in fake.requests] == seeds


def test_search_and_replace_and_order() -> None:
    fake, _ = plotted(x_type="Prompt S/R", x_values='fox, wolf, "cat, a dog"')
    assert [one.prompt for one in fake.requests] == [
        "a fox, in snow",
        "a wolf, in snow",
        "a cat, a dog, in snow",
    ]
    fake, _ = plotted(TextToImage(prompt="red fox snow"), x_type="Prompt order", x_values="fox, red")
    assert {one.prompt for one in fake.requests} == {"red fox snow", "fox red snow"}


def test_values_that_are_chosen_and_typed() -> None:
    fake, _ = plotted(x_type="Sampler", x_values_dropdown=["Euler", "DPM++ 2M Karras"], x_values="ignored")
    assert [(one.sampler, one.scheduler) for one in fake.requests] == [
        ("Euler", "Automatic"),
        ("DPM++ 2M", "Karras"),
    ]
    fake, _ = plotted(x_type="Sampler", x_values_dropdown=["Heun"], x_values="euler a, DDIM", csv_mode=True)
    assert [one.sampler for one in fake.requests] == ["Euler a", "DDIM"]
    fake, _ = plotted(x_type="Sampler", x_values="LMS")
    assert [one.sampler for one in fake.requests] == ["LMS"]


def test_places_of_axes_in_the_older_menu() -> None:
    places = {
        0: "Nothing",
        1: "Seed",
        4: "Steps",
        6: "CFG Scale",
        7: "Prompt S/R",
        9: "Sampler",
        11: "Checkpoint name",
    }
    assert {place: axes.find(place, "txt2img", "x_type").label for place in places} == places
    assert axes.find(6, "img2img", "x_type").label == "Image CFG Scale"
    assert axes.find("cfg scale", "img2img", "x_type").label == "CFG Scale"
    labels = [axis.label for axis in axes.AXES]
    assert len(labels) == len(set(labels)) and set(axes.NOT_HERE) <= set(labels)
    with pytest.raises(NotSupported, match="Token merging ratio"):
        axes.find("Token merging ratio", "txt2img", "x_type")
    for wrong in (99, -1, True, "Hires steps"):
        with pytest.raises(InvalidField, match="no axis"):
            axes.find(wrong, "img2img", "x_type")


FULL = TextToImage(prompt="fox", hires=HiresFix(), refiner=Refiner(checkpoint="r"))
PICTURE = ImageToImage(prompt="fox", init_images=("0",), width=64, height=64)


@pytest.mark.parametrize(
    ("request_", "axis", "value", "path", "meant"),
    [
        (FULL, "Var. seed", "7", "noise.variation_seed", 7),
        (FULL, "Var. strength", "0.5", "noise.variation_strength", 0.5),
        (FULL, "Hires steps", "9", "hires.steps", 9),
        (FULL, "Hires sampler", "euler", "hires.sampler", "Euler"),
        (FULL, "Hires upscaler", "latent (nearest)", "hires.upscaler", "Latent (nearest)"),
        (FULL, "Denoising", "0.3", "hires.denoising_strength", 0.3),
        (FULL, "Negative Guidance minimum sigma", "2", "sampling.skip_negative_below", 2),
        (FULL, "Sigma Churn", "2", "sampling.s_churn", 2),
        (FULL, "Sigma min", "2", "sampling.s_tmin", 2),
        (FULL, "Sigma max", "2", "sampling.s_tmax", 2),
        (FULL, "Sigma noise", "2", "sampling.s_noise", 2),
        (FULL, "Schedule type", "karras", "scheduler", "Karras"),
        (FULL, "Schedule min sigma", "2", "sampling.sigma_min", 2),
        (FULL, "Schedule max sigma", "2", "sampling.sigma_max", 2),
        (FULL, "Schedule rho", "2", "sampling.rho", 2),
        (FULL, "Eta", "0.5", "sampling.eta", 0.5),
        (FULL, "Clip skip", "2", "text.clip_skip", 2),
        (FULL, "VAE", "none", "vae", "None"),
        (FULL, "Face restore", "gfpgan", "faces.restorer", "GFPGAN"),
        (FULL, "Face restore", "none", "faces.restorer", None),
        (FULL, "Always discard next-to-last sigma", "true", "sampling.discard_next_to_last_sigma", True),
        (FULL, "Always discard next-to-last sigma", "False", "sampling.discard_next_to_last_sigma", None),
        (FULL, "SGM noise multiplier", "True", "sampling.sgm_noise_multiplier", True),
        (FULL, "Refiner checkpoint", "other", "refiner.checkpoint", "other"),
        (FULL, "Refiner switch at", "0.4", "refiner.switch_at", 0.4),
        (FULL, "RNG source", "nv", "noise.source", "NV"),
        (FULL, "Size", "64x128", "height", 128),
        (PICTURE, "Image CFG Scale", "1.2", "image_cfg_scale", 1.2),
        (PICTURE, "Denoising", "0.3", "denoising_strength", 0.3),
        (PICTURE, "Initial noise multiplier", "0.9", "picture.noise_multiplier", 0.9),
        (PICTURE, "Extra noise", "0.1", "picture.extra_noise", 0.1),
        (PICTURE, "Cond. Image Mask Weight", "0.5", "picture.mask_weight", 0.5),
    ],
)
def test_what_axes_change(request_: GenerationRequest, axis: str, value: str, path: str, meant: Any) -> None:
    fake, _ = plotted(request_, x_type=axis, x_values=value)
    found: Any = fake.requests[0]
    for name in path.split("."):
        found = getattr(found, name)
    assert found == meant


@pytest.mark.parametrize(
    ("axis", "typed", "said"),
    [
        ("Steps", "5, many", r"X axis \(Steps\): 'many' is no whole number"),
        ("Steps", "5, 0", r"X axis \(Steps\), value 0: Steps must be a whole number from 1 to 1000"),
        ("Seed", "1.5", r"X axis \(Seed\): '1.5' is no whole number"),
        ("Sampler", "Euler, Nonsense", r"X axis \(Sampler\): Sampler not found: 'Nonsense'"),
        ("Schedule type", "Nonsense", "Schedule not found"),
        ("Hires upscaler", "Nonsense", r"X axis \(Hires upscaler\): There is no upscaler named 'Nonsense'"),
        ("Hires steps", "5", "needs hires fix, which is off"),
        ("Initial noise multiplier", "1", "img2img only"),
        ("Prompt S/R", "wolf, cat", "'wolf' is not in the prompt"),
        ("Prompt order", "a, b, c, d, e, f, g", "5,040 orders"),
        ("Size", "512", "'512' is no size"),
        ("RNG source", "TPU", "'TPU' is none of GPU, CPU, NV"),
        ("SGM noise multiplier", "maybe", "neither True nor False"),
        ("Steps", " , ", "has no values"),
        ("Size", "8192x8192, 8192x8191, 8192x8190", "megapixels"),
        ("Seed", "1-1000", "megapixels"),
    ],
)
def test_what_can_t_be_is_said_before_anything_is_made(axis: str, typed: str, said: str) -> None:
    fake = Fake()
    request = TextToImage(prompt="fox", width=512, height=512)
    with pytest.raises(Fault, match=said):
        fake.run(PLOT, request, x_type=axis, x_values=typed)
    assert not fake.requests


def test_a_stopped_plot_shows_what_is_there() -> None:
    fake = Fake(stop_after=2)
    (grid,) = fake.run(PLOT, REQUEST, x_type="Seed", x_values="1-4", draw_legend=False)
    assert len(fake.requests) == 2 and grid.image.getpixel((40, 10)) == (14,) * 3
    assert grid.image.getpixel((100, 10)) == (0xEE, 0xF0, 0xF2)


def test_a_cell_of_several_pictures() -> None:
    request = TextToImage(prompt="fox", seed=1, width=16, height=16, batch_size=2, batch_count=2)
    fake, pictures = plotted(
        request, x_type="Steps", x_values="1,2", draw_legend=False, include_lone_images=True
    )
    assert [one.kind for one in pictures] == ["picture"] * 8 + ["grid"] and fake.expected == [8]
    assert pictures[-1].image.size == (64, 32)


def test_on_the_starter_model(tmp_path: Path) -> None:
    starter = Starter.in_folder(tmp_path)
    request = TextToImage(
        prompt="a red fox", seed=3, steps=2, sampler="Euler", width=SIDE, height=SIDE, cfg_scale=4, save=False
    )
    values = {
        "x_type": "Sampler",
        "x_values_dropdown": ["Euler", "DDIM"],
        "y_type": "Steps",
        "y_values": "2, 3",
        "z_type": "Prompt S/R",
        "z_values": "red fox, green tree",
    }
    plain = list(
        PLOT.run(
            request, {**PLOT.defaults, **values, "draw_legend": False, "margin_size": 4}, studio_of(starter)
        )
    )[-1]
    assert plain.image.size == (4 * SIDE + 8 + 4, 2 * SIDE + 4)
    alone = starter.pictures(replace(request, sampler="DDIM", steps=3, prompt="a green tree"))[0]
    left = (2 * SIDE + 4) + 4 + SIDE + 4  # second grid, second column
    cell = plain.image.crop((left, SIDE + 4, left + SIDE, 2 * SIDE + 4))
    assert ImageChops.difference(cell, alone.image).getbbox() is None
    (labelled,) = PLOT.run(
        request, {**PLOT.defaults, "x_type": "Steps", "x_values": "2,3"}, studio_of(starter)
    )
    above = np.asarray(labelled.image.convert("L"))[: labelled.image.height - SIDE]
    assert labelled.image.width == 2 * SIDE and above.shape[0] > 10
    halves = (above[:, :SIDE] < 128).sum(), (above[:, SIDE:] < 128).sum()
    assert min(halves) > 20, "letters stand above both columns"
    assert isinstance(labelled.image, Image.Image) and "X Type: Steps" in labelled.infotext


def test_built_in_scripts_are_on_and_load_nothing_heavy() -> None:
    code = (
        "import sys; from modules.plugins.manager import SHIPPED, PluginManager; m = PluginManager(SHIPPED);"
        "print([t for t, _ in m.scripts.menu()], [e.failures for e in m.loaded() if e.failures],"
        "[n for n in ('torch', 'gradio', 'cv2', 'PIL.Image') if n in sys.modules], sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROGRAM, check=True
    )
    menu, failures, heavy = done.stdout.splitlines()[-3:]
    for title in ("Loopback", "Prompt matrix", "Prompts from file or textbox", "SD upscale", "X/Y/Z plot"):
        assert repr(title) in menu
    assert (failures, heavy) == ("[]", "[]") and "Custom code" not in menu


def test_axes_of_other_extensions() -> None:
    def softer(request: Any, value: float) -> Any:
        if value > 1:
            raise ValueError("it is 1 at most")
        return replace(request, cfg_scale=10 * value)

    added = [
        PlotAxis("Softness", softer, float, legend=lambda value: f"soft {value:g}"),
        PlotAxis("steps", softer),  # ours has that name
        PlotAxis(
            "Words", lambda r, v: replace(r, prompt=" ".join(v)), combine=lambda words: [words, words[::-1]]
        ),
        PlotAxis("Drawn over", softer, tab="img2img"),
    ]
    program = Program(plot_axes=lambda: added)
    plot = script("xyz-plot", "X/Y/Z plot", program=program)
    fake = Fake()
    values = {"x_type": "softness", "x_values": "0.2-0.6 (+0.2)", "y_type": "Words", "y_values": "a, b"}
    (grid,) = fake.run(plot, REQUEST, **values)
    made = [(round(one.cfg_scale, 3), one.prompt) for one in fake.requests]
    assert made == [(scale, words) for words in ("a b", "b a") for scale in (2, 4, 6)]
    assert "X Type: Softness" in grid.infotext
    labels = [axis.label for axis in axes.axes_of("txt2img", added)]
    assert labels[-2:] == ["Softness", "Words"] and labels.count("Steps") == 1
    with pytest.raises(InvalidField, match="it is 1 at most"):
        Fake().run(plot, REQUEST, x_type="Softness", x_values="0.5, 2")
