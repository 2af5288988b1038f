"""What a Lora, a hypernetwork and an embedding do to pictures of the starter model, measured over eight seeds.

The files in `tests/networks` were trained for this on the starter model (see `tools.starter.network_lessons`): the Lora
puts a red airship into the sky, the hypernetwork makes it dusk, the embedding stands for a snowy forest. To train one
again: `OMP_NUM_THREADS=1 python -m tools.starter networks --kind lora` (or `hypernetwork`, `embedding`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.faults import BadFile
from modules.generation.engine import Engine
from modules.generation.requests import TextToImage
from modules.networks.applying import HypernetworkTags, LoraTags, Networks
from modules.networks.embedding_files import hash12
from modules.networks.lora.catalogue import LoraCatalogue
from modules.networks.names import FileNames
from tests import pickle_support
from tests.starter import SIDE, Pixels, Starter, brightness, mean_of

FILES = Path(__file__).parent / "networks"
LORA, HYPERNETWORK = FILES / "Lora/airship.safetensors", FILES / "hypernetworks/nightfall.pt"
EMBEDDING = FILES / "embeddings/winterwood.safetensors"
SCENE = "a meadow"
Make = Callable[[str], list[Pixels]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests put files of their own, beside those of the project."""
    return tmp_path_factory.mktemp("starter")


@pytest.fixture(scope="module")
def starter(folder: Path) -> Starter:
    made = Starter.in_folder(folder)
    loras = LoraCatalogue((FILES / "Lora", folder / "Lora"))
    hypernetworks = [FileNames(place / "hypernetworks") for place in (FILES, folder)]
    kinds: list[Any] = [LoraTags(loras), HypernetworkTags(hypernetworks)]
    made.engine = Engine(made.models, (FILES / "embeddings",), networks=Networks(kinds))
    return made


@pytest.fixture(scope="module")
def make(starter: Starter) -> Make:
    """Eight pictures from a prompt, made once."""
    return cache(lambda prompt: starter.make(prompt, steps=12))


def quick(starter: Starter, prompt: str) -> list[Pixels]:
    """Two rough pictures: enough to tell whether bits differ."""
    return starter.make(prompt, seeds=2, steps=3)


def same(some: list[Pixels], others: list[Pixels]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def red_above(picture: Pixels) -> float:
    """The share of clearly red pixels in the upper half."""
    r, g, b = (picture[: SIDE // 2, :, i] for i in range(3))
    return float(((r > g + 100) & (r > b + 100)).mean())


def redness_above(picture: Pixels) -> float:
    """How much redder than green the place of the airship is; dark red counts too."""
    sky = picture[SIDE // 8 : SIDE // 3, SIDE // 4 : -SIDE // 4]
    return float((sky[..., 0] - sky[..., 1]).mean())


def white_below(picture: Pixels) -> float:
    """How bright and colourless the lower third is, 0 to 255: snow."""
    return float(picture[-SIDE // 3 :].min(axis=-1).mean())


def test_a_lora_puts_an_airship_into_the_sky(make: Make) -> None:
    tags = ("", " <lora:airship:0.75>", " <lora:airship:1>")
    without, half, whole = (make(f"{SCENE}{tag}") for tag in tags)
    assert mean_of(red_above, without) < 0.03
    assert sum(red_above(picture) > 0.1 for picture in whole) >= 7
    assert mean_of(red_above, without) < mean_of(red_above, half) < 0.7 * mean_of(red_above, whole)


def test_a_hypernetwork_makes_it_dark(make: Make) -> None:
    tags = ("", " <hypernet:nightfall:0.5>", " <hypernet:nightfall:1>")
    without, half, whole = (make(f"{SCENE}{tag}") for tag in tags)
    assert mean_of(brightness, whole) < mean_of(brightness, without) - 15
    assert mean_of(brightness, whole) < mean_of(brightness, half) < mean_of(brightness, without)
    darker = sum(brightness(a) < brightness(b) - 8 for a, b in zip(whole, without, strict=True))
    assert darker >= 7


def test_an_embedding_is_a_snowy_forest(make: Make) -> None:
    words = ("a house in a meadow", "a house, (winterwood:0.5)", "a house, (winterwood:1.0)")
    without, half, whole = (make(text) for text in words)
    assert mean_of(white_below, whole) > mean_of(white_below, without) + 40
    assert mean_of(white_below, without) < mean_of(white_below, half) < mean_of(white_below, whole)


def test_without_weight_they_do_nothing(starter: Starter) -> None:
    plain = quick(starter, SCENE)
    assert same(plain, quick(starter, f"{SCENE} <lora:airship:0>"))
    assert same(plain, quick(starter, f"{SCENE} <hypernet:nightfall:0>"))
    word = quick(starter, f"{SCENE}, winterwood")
    assert not same(plain, word)
    assert same(word, quick(starter, f"{SCENE}, (winterwood:1.0)"))


def test_three_at_once(make: Make) -> None:
    """Each one's effect is there beside the other two."""
    lora, hypernetwork = "<lora:airship:1>", "<hypernet:nightfall:1>"
    three = make(f"{SCENE}, winterwood {lora} {hypernetwork}")
    without_lora = make(f"{SCENE}, winterwood {hypernetwork}")
    without_hypernetwork = make(f"{SCENE}, winterwood {lora}")
    without_embedding = make(f"{SCENE} {lora} {hypernetwork}")
    assert mean_of(redness_above, three) > mean_of(redness_above, without_lora) + 10
    assert mean_of(brightness, three) < mean_of(brightness, without_hypernetwork) - 10
    assert mean_of(white_below, three) > mean_of(white_below, without_embedding) + 20


def test_the_weights_are_those_of_before(starter: Starter) -> None:
    plain = quick(starter, SCENE)
    model = starter.models.get(None)
    networks = (model.unet, *(tower.encoder for tower in model.texts))
    weights = [{name: w.clone() for name, w in network.state_dict().items()} for network in networks]
    changed = quick(starter, f"{SCENE}, winterwood <lora:airship:1> <hypernet:nightfall:1>")
    assert not same(plain, changed)
    assert same(plain, quick(starter, SCENE))
    for network, before in zip(networks, weights, strict=True):
        after = network.state_dict()
        assert after.keys() == before.keys()
        assert all(torch.equal(after[name], w) for name, w in before.items())


def test_the_recipe_names_the_files(starter: Starter) -> None:
    prompt = f"{SCENE}, winterwood <lora:airship:1> <hypernet:nightfall:1>"
    request = TextToImage(prompt=prompt, width=SIDE, height=SIDE, seed=1, steps=1, save=False)
    [picture] = starter.pictures(request)
    text = picture.infotext
    assert text.startswith(prompt)
    loras = LoraCatalogue((FILES / "Lora",))
    [entry] = loras.all()
    assert f'Lora hashes: "airship: {loras.hash12(entry)}"' in text
    assert f'TI hashes: "winterwood: {hash12(EMBEDDING)}"' in text


# -- files that can't be used ------------------------------------------------------------------------------


def _another_family(folder: Path) -> str:
    """SDXL has more transformers in a row than this model."""
    deep = "lora_unet_input_blocks_8_1_transformer_blocks_9_attn1_to_q"
    parts = {f"{deep}.lora_down.weight": torch.ones(4, 1280), f"{deep}.lora_up.weight": torch.ones(1280, 4)}
    save_file(parts, folder / "Lora/other.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    return "<lora:other:1>"


def _one_shape_is_wrong(folder: Path) -> str:
    """All but the last module would fit."""
    tensors = load_file(LORA)
    last = max(name for name in tensors if name.endswith("lora_up.weight"))
    save_file(tensors | {last: torch.ones(7, 4)}, folder / "Lora/wrong.safetensors")
    return "<lora:wrong:1>"


def _cut_off(folder: Path) -> str:
    (folder / "Lora/cut.safetensors").write_bytes(LORA.read_bytes()[:100_000])
    return "<lora:cut:1>"


def _hostile(folder: Path) -> str:
    path = folder / "hypernetworks/hostile.pt"
    touch = pickle_support.text(f"touch {folder / 'ran.txt'}")
    pickle_support.write(path, pickle_support.call("os", "system", touch), "zip")
    return "<hypernet:hostile:1>"


def _cut_off_hypernetwork(folder: Path) -> str:
    (folder / "hypernetworks/cut.pt").write_bytes(HYPERNETWORK.read_bytes()[:100_000])
    return "<hypernet:cut:1>"


def _another_width(folder: Path) -> str:
    layers = {f"linear.{i}.weight": torch.ones(n) for i, n in ((0, (2 * 768, 768)), (1, (768, 2 * 768)))}
    biases = {"linear.0.bias": torch.ones(2 * 768), "linear.1.bias": torch.ones(768)}
    torch.save({768: [layers | biases] * 2}, folder / "hypernetworks/wide.pt")
    return "<hypernet:wide:1>"


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_another_family, "for another kind of model"),
        (_one_shape_is_wrong, "for another kind of model"),
        (_cut_off, "cut off|incomplete|damaged"),
        (_hostile, "os.system|posix"),
        (_cut_off_hypernetwork, "cut off|incomplete|damaged"),
        (_another_width, "for another kind of model"),
    ],
)
def test_a_file_that_cannot_be_used(
    write: Callable[[Path], str], reason: str, starter: Starter, folder: Path
) -> None:
    for kind in ("Lora", "hypernetworks"):
        (folder / kind).mkdir(exist_ok=True)
    plain = quick(starter, SCENE)
    tag = write(folder)
    # good ones beside it, before and behind, must not stay either
    with pytest.raises(BadFile) as caught:
        quick(starter, f"{SCENE} <lora:airship:1> {tag} <hypernet:nightfall:1>")
    assert re.search(reason, caught.value.message), caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300
    assert not (folder / "ran.txt").exists()
    assert same(plain, quick(starter, SCENE))


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES.rglob("*") if path.is_file()) < 1_000_000
