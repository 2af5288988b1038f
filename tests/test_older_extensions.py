"""Extensions written for the older UI, one for each way of use, and some that are broken: through the API."""

from __future__ import annotations

import base64
import io
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server import ROOT, RunningServer, running_server

EXTENSIONS = ROOT / "tests" / "older_extensions"
SLEEPS = "bad-sleep"
SIDE = 64
FOX: dict[str, Any] = {
    "prompt": "a cat",
    "seed": 5,
    "steps": 2,
    "width": SIDE,
    "height": SIDE,
    "cfg_scale": 5,
}


def put_in(data: Path, *names: str) -> None:
    """Copy extensions into a data folder; without names all that come back from their import."""
    for folder in sorted(EXTENSIONS.iterdir()):
        if (folder / "scripts").is_dir() and (folder.name in names if names else folder.name != SLEEPS):
            shutil.copytree(folder, data / "extensions" / folder.name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    put_in(data)
    with running_server(data, "--api") as running:
        yield running


def ask(server: RunningServer, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{server.url}/{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=100) as answer:
        return json.load(answer)


def refused(server: RunningServer, path: str, body: object = None) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, path, body)
    return caught.value.code, caught.value.read().decode()


class Made:
    """What the API gave: pictures as pixels `[H, W, 3]`, and their recipes."""

    def __init__(self, answer: dict[str, Any]) -> None:
        pictures = [Image.open(io.BytesIO(base64.b64decode(one))) for one in answer["images"]]
        self.pixels = [np.asarray(one.convert("RGB")).astype(int) for one in pictures]
        self.info = json.loads(answer["info"])
        self.texts: list[str] = self.info["infotexts"]


def make(server: RunningServer, **more: Any) -> Made:
    return Made(ask(server, "sdapi/v1/txt2img", {**FOX, **more}))


def on(script: str, *args: Any) -> dict[str, Any]:
    return {"alwayson_scripts": {script: {"args": list(args)}}}


@pytest.fixture(scope="module")
def plain(server: RunningServer) -> Made:
    return make(server)


def reported(server: RunningServer, name: str) -> dict[str, Any]:
    return next(e for e in ask(server, "easel/extensions")["extensions"] if e["name"] == name)


# ── What works ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_good_ones_are_loaded_without_a_word(server: RunningServer) -> None:
    found = ask(server, "easel/extensions")["extensions"]
    names = {folder.name for folder in EXTENSIONS.iterdir() if (folder / "scripts").is_dir()} - {SLEEPS}
    assert names <= {one["name"] for one in found}
    troubled = {one["name"]: one["failures"] for one in found if one["failures"]}
    assert {name for name in troubled if "bad-" not in name} == set(), troubled


def test_a_script_of_the_menu_runs_twice_and_makes_a_grid(server: RunningServer, plain: Made) -> None:
    args = [1, 5, 0, "", True]
    made = make(server, script_name="two shots", script_args=args)
    assert len(made.pixels) == 3
    grid, low, high = made.pixels
    assert grid.shape == (SIDE, 2 * SIDE, 3)
    np.testing.assert_array_equal(grid, np.concatenate([low, high], axis=1))
    np.testing.assert_array_equal(high, plain.pixels[0])
    assert np.abs(low - high).mean() > 0.5
    assert "CFG scale: 1.0," in made.texts[1] and "Shot: 2" in made.texts[2]


def test_an_always_visible_script_changes_the_prompt(server: RunningServer, plain: Made) -> None:
    ask(server, "word-swap/seen")
    made = make(server, **on("Word swap", True, "cat", "dog", ""))
    assert made.texts[0].startswith("a dog\n") and "Word swap: cat -> dog" in made.texts[0]
    np.testing.assert_array_equal(made.pixels[0], make(server, prompt="a dog").pixels[0])
    order = ["process", "before_process_batch", "process_batch", "postprocess_batch", "postprocess"]
    assert ask(server, "word-swap/seen") == order * 2
    off = make(server, **on("word swap", False))
    np.testing.assert_array_equal(off.pixels[0], plain.pixels[0])
    added = make(server, batch_size=2, **on("word swap", True, "", "", "in snow"))
    assert added.info["all_prompts"] == ["a cat"] * 2 or "in snow" in added.info["all_prompts"][0]


def test_the_plot_has_the_axes_that_an_extension_adds(server: RunningServer, plain: Made) -> None:
    axes = ["[Swap] New word", "", ["cat", "horse"], "[swap] rounds", "1-2", [], "Nothing", "", []]
    made = make(server, script_name="x/y/z plot", script_args=[*axes, True, True])
    grid, *cells = made.pixels
    assert len(cells) == 4 and grid.shape[0] > 2 * SIDE
    np.testing.assert_array_equal(cells[0], plain.pixels[0])  # a cat is what was asked for
    assert [("horse" in text.splitlines()[0]) for text in made.texts[1:]] == [False, True, False, True]
    assert np.abs(cells[1] - cells[0]).mean() > 0.5
    np.testing.assert_array_equal(cells[3], cells[1])
    assert "X Type: [Swap] New word" in made.texts[0] and "Word swap: cat -> horse" in made.texts[2]
    body = {**FOX, "script_name": "x/y/z plot", "script_args": ["[Swap] Rounds", "many"]}
    status, told = refused(server, "sdapi/v1/txt2img", body)
    assert status == 422 and "[Swap] Rounds" in told


def test_words_added_to_each_batch_reach_the_model(server: RunningServer) -> None:
    added = make(server, n_iter=2, **on("word swap", True, "cat", "cat", "in snow"))
    wanted = make(server, n_iter=2, prompt="a cat, in snow")
    for ours, theirs in zip(added.pixels, wanted.pixels, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_picture_gets_its_frame(server: RunningServer, plain: Made) -> None:
    framed = make(server, **on("frame it", True, "Frame", 4, "#ff0000")).pixels[0]
    assert (framed[:4] == [255, 0, 0]).all() and (framed[:, -4:] == [255, 0, 0]).all()
    np.testing.assert_array_equal(framed[4:-4, 4:-4], plain.pixels[0][4:-4, 4:-4])
    inverted = make(server, **on("frame it", True, "Invert", 4, "#ff0000")).pixels[0]
    np.testing.assert_array_equal(inverted, 255 - plain.pixels[0])


def test_callbacks_of_the_denoiser(server: RunningServer, plain: Made) -> None:
    ask(server, "denoise-watch")
    quiet = make(server, **on("denoise watch", 1.0, 0.0))
    np.testing.assert_array_equal(quiet.pixels[0], plain.pixels[0])
    seen = ask(server, "denoise-watch")
    assert seen["denoiser"] == seen["denoised"] == seen["after"] == 2
    assert [step for step, _ in seen["steps"]] == [0, 1] and seen["steps"][0][1] >= 2
    assert all(x[1:] == [4, SIDE // 8, SIDE // 8] and s[0] == x[0] for x, s in seen["shapes"])
    assert np.abs(make(server, **on("denoise watch", 0.5, 0.0)).pixels[0] - plain.pixels[0]).mean() > 1
    assert np.abs(make(server, **on("denoise watch", 1.0, 3.0)).pixels[0] - plain.pixels[0]).mean() > 1
    ask(server, "denoise-watch")
    make(server, sampler_name="Heun", **on("denoise watch", 1.0, 0.0))
    assert ask(server, "denoise-watch")["denoiser"] == 3


def test_settings_of_an_extension(server: RunningServer) -> None:
    values = ask(server, "many-settings")
    assert values["unknown"] == "default"
    assert values["values"]["many_several"] == ["x"] and values["values"]["many_late"] == 3
    options = ask(server, "sdapi/v1/options")
    assert options["many_word"] == "fox" and options["many_number"] == 7
    ask(server, "sdapi/v1/options", {"many_word": "wolf", "many_choice": "blue", "many_called": 4})
    after = ask(server, "many-settings")
    assert after["values"]["many_word"] == "wolf" and after["values"]["many_choice"] == "blue"
    assert after["changes"] == ["wolf", "own"]
    assert "Many: wolf 7" in make(server).texts[0]
    assert "Many: bear 7" in make(server, override_settings={"many_word": "bear"}).texts[0]
    assert "Many: wolf 7" in make(server).texts[0]
    ask(server, "sdapi/v1/options", {"many_on": False})
    assert "Many:" not in make(server).texts[0]
    ask(server, "sdapi/v1/options", {"many_on": True})
    assert refused(server, "sdapi/v1/options", {"many_nothing": 1})[0] in (400, 404, 422)


def test_routes_of_an_extension(server: RunningServer) -> None:
    version = ask(server, "own-routes/version")
    assert version["device"] in ("cpu", "cuda", "cuda:0") and "Euler a" in version["samplers"]
    assert ask(server, "own-routes/repeat", {"word": "hi", "times": 2}) == {"words": ["hi", "hi"]}
    status, told = refused(server, "own-routes/repeat", {"word": "hi", "times": 10})
    assert status == 422 and json.loads(told)["detail"] == "Too often"
    assert refused(server, "own-routes/repeat", {})[0] == 422
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    sent = base64.b64encode(file.getvalue()).decode()
    answer = ask(server, "own-routes/flip", {"image": f"data:image/png;base64,{sent}"})
    flipped = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["image"]))))
    np.testing.assert_array_equal(flipped, pixels[:, ::-1])
    models = ask(server, "own-routes/models")
    assert any("starter" in title for title in models["models"]) and models["sdxl"] is False
    assert refused(server, "own-routes/broken")[0] == 500


def test_a_recipe_holds_what_an_extension_added(server: RunningServer) -> None:
    made = make(server, **on("remember me", True, 3, "wild", "a, b"))
    assert 'Memory depth: 3, Memory mood: wild, Memory name: "a, b"' in made.texts[0]
    again = make(server, infotext=made.texts[0])
    assert again.texts[0].split("Version")[0] == made.texts[0].split("Version")[0]


def test_an_extra_network_of_its_own(server: RunningServer, plain: Made) -> None:
    ask(server, "shout-network")
    made = make(server, prompt="a cat<shout:fox:2>")
    np.testing.assert_array_equal(made.pixels[0], plain.pixels[0])
    assert ask(server, "shout-network") == [["fox", 2.0], "quiet"]
    assert "Shouted: fox" in made.texts[0]


def test_scripts_are_listed(server: RunningServer) -> None:
    names = ask(server, "sdapi/v1/scripts")
    assert {"word swap", "frame it", "remember me", "two shots"} <= set(names["txt2img"])
    assert "frame it" in names["img2img"]
    infos = {(one["name"], one["is_img2img"]): one for one in ask(server, "sdapi/v1/script-info")}
    swap = infos["word swap", False]
    assert swap["is_alwayson"] and [arg["label"] for arg in swap["args"]][1:3] == ["Old word", "New word"]
    shots = infos["two shots", False]
    assert not shots["is_alwayson"] and shots["args"][0]["maximum"] == 20
    status, told = refused(server, "sdapi/v1/txt2img", {**FOX, **on("nobody", 1)})
    assert status in (404, 422) and "nobody" in told


# ── What doesn't ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad-import", ["bad-import never loads"]),
        (
            "bad-ui",
            ["bad-ui has no controls", "bad-ui has no tab", "bad-ui has no route", "division by zero"],
        ),
        ("zz-bad-twin", ["note_tab", "two shots"]),
    ],
)
def test_the_bad_ones_are_named(server: RunningServer, name: str, words: list[str]) -> None:
    urllib.request.urlopen(server.url).read()
    told = json.dumps(reported(server, name)["failures"])
    assert [word for word in words if word not in told] == [], told


def test_one_that_fails_in_process_fails_its_picture_with_its_name(
    server: RunningServer, plain: Made
) -> None:
    status, told = refused(server, "sdapi/v1/txt2img", {**FOX, **on("bad process", True, False)})
    assert status in (400, 409, 422, 500, 503) and "bad-process" in told
    late = make(server, **on("bad process", False, True))
    np.testing.assert_array_equal(late.pixels[0], plain.pixels[0])
    told = json.dumps(reported(server, "bad-process")["failures"])
    assert "bad-process fails early" in told and "bad-process fails late" in told
    np.testing.assert_array_equal(make(server).pixels[0], plain.pixels[0])


def test_one_that_prints_rubbish_does_no_harm(server: RunningServer) -> None:
    assert reported(server, "bad-noise")["failures"] == []
    assert ask(server, "bad-noise") == "still here"
    assert server.process.poll() is None


def test_one_that_never_comes_back_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modules.plugins.manager import PluginManager
    from modules.plugins.older import NoOlder

    class Runs(NoOlder):
        def load(self, extension: Any, script: Path) -> None:
            exec(compile(script.read_text(), script, "exec"), {})

    monkeypatch.setenv("EASEL_TEST_SLEEP", "3")
    put_in(tmp_path, SLEEPS)
    manager = PluginManager(tmp_path / "extensions", patience=0.2)
    manager.attach(Runs())
    extension = manager.get(SLEEPS)
    assert extension is not None and "bad_sleep.py" in extension.failures[0].where
    assert "bad-sleep" in extension.failures[0].message
