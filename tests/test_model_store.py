"""Models in memory: which are kept, which go, and what a change of the VAE costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from modules.compute import Compute, ComputeOptions, choose
from modules.faults import BadFile, NotPossibleNow
from modules.models import loader
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.models.placement import placed
from modules.models.store import ModelStore
from modules.models.vae_catalogue import VaeCatalogue
from tests import tiny_model

ROOT = Path(__file__).resolve().parents[1]
Make = Callable[..., ModelStore]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate("abc"):
        tiny_model.write(folder / f"{name}.safetensors", seed)
    (folder / "broken.safetensors").write_bytes(b"nonsense, and no checkpoint")
    (folder / "VAE").mkdir()
    torch.manual_seed(9)
    vae = {name: weight.contiguous() for name, weight in Autoencoder(tiny_model.VAE).state_dict().items()}
    save_file(vae, folder / "VAE" / "other.safetensors")
    return folder


@pytest.fixture
def make(folder: Path, tmp_path: Path) -> Make:
    files = tuple(folder / f"{name}.safetensors" for name in ("a", "b", "c", "broken"))
    cache = FileCache(tmp_path / "files.sqlite")

    def make(**options: Any) -> ModelStore:
        options = {"compute": choose, "free": lambda device: None, **options}
        return ModelStore(
            CheckpointCatalogue((), cache, files), vaes=VaeCatalogue((folder / "VAE",), cache), **options
        )

    return make


def kept(store: ModelStore) -> list[str]:
    return [checkpoint.name for checkpoint in store.in_memory]


def test_one_is_kept_unless_more_are_wanted(make: Make) -> None:
    store = make()
    first = store.get("a")
    assert store.get("a") is first
    store.get("b")
    assert kept(store) == ["b"]
    assert next(first.unet.parameters()).is_meta  # its memory is given back, though we still hold it
    assert store.get("a") is not first


def test_of_several_the_one_longest_unused_goes(make: Make) -> None:
    limit = 2
    store = make(limit=lambda: limit)
    a = store.get("a")
    store.get("b")
    assert store.get("a") is a
    store.get("c")
    assert kept(store) == ["a", "c"]
    limit = 1
    store.get("a")
    assert kept(store) == ["a"]
    assert store.loaded is a


def test_a_file_that_cannot_be_loaded_changes_nothing(make: Make) -> None:
    store = make()
    model = store.get("a")
    with pytest.raises(BadFile):
        store.get("broken")
    assert store.loaded is model
    assert not next(model.unet.parameters()).is_meta


def test_another_vae_loads_no_other_part(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make()
    own = store.get("a", vae="None")
    monkeypatch.setattr(loader, "load", lambda *arguments: pytest.fail("the whole checkpoint is loaded"))
    other = store.get("a", vae="other")
    assert other.unet is own.unet
    assert other.texts == own.texts
    assert other.vae_file is not None and other.vae_file.sha256 is not None
    back = store.get("a", vae="None")
    assert back.vae_file is None
    for name, weight in own.vae.state_dict().items():
        assert torch.equal(weight, back.vae.state_dict()[name])
    assert not torch.equal(other.vae.decoder.conv_in.weight, own.vae.decoder.conv_in.weight)


def test_unload_frees_all_and_the_next_job_loads_again(make: Make) -> None:
    store = make(limit=lambda: 3)
    models = [store.get(name) for name in "ab"]
    store.unload()
    assert store.loaded is None
    assert all(parameter.is_meta for model in models for parameter in model.vae.parameters())
    with pytest.raises(NotPossibleNow, match="unloaded"), placed(models[0], "unet"):
        pass
    assert not next(store.get("a").unet.parameters()).is_meta


def test_a_running_job_keeps_its_model_to_its_end(make: Make) -> None:
    store = make()
    model = store.get("a")
    with store.in_use():
        store.unload()
        store.get("b")
        assert not next(model.unet.parameters()).is_meta
    assert next(model.unet.parameters()).is_meta
    assert kept(store) == ["b"]


def test_reload_reads_the_file_again(make: Make) -> None:
    store = make()
    model = store.get("a", vae="other")
    again = store.reload("a")
    assert again is not model
    assert store.get("a", vae="other") is again
    assert store.reload() is not again
    assert kept(store) == ["a"]


def test_a_file_that_was_replaced_is_loaded_anew(tmp_path: Path) -> None:
    path = tiny_model.write(tmp_path / "m.safetensors", 1)
    store = ModelStore(CheckpointCatalogue((tmp_path,), tmp_path / "cache"), choose)
    before = store.get("m").unet.state_dict()["out.2.weight"].clone()
    tiny_model.write(path, 2)
    store.catalogue.refresh()
    assert not torch.equal(store.get("m").unet.state_dict()["out.2.weight"], before)
    path.unlink()
    assert store.get("m") is store.loaded  # gone, but it is in memory


def test_where_memory_is_short_the_old_one_goes_first(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make(limit=lambda: 3, free=lambda device: 0)
    store.get("a")
    seen: list[list[str]] = []
    load = loader.load

    def watched(*arguments: Any) -> Any:
        seen.append(kept(store))
        return load(*arguments)

    monkeypatch.setattr(loader, "load", watched)
    store.get("b")
    assert seen == [[]]
    with store.in_use():  # a job's own model can't go
        store.get("c")
    assert seen == [[], ["b"]]


def test_out_of_memory_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make()

    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = store.get("a")
    monkeypatch.setattr(loader, "load", fail)
    with pytest.raises(NotPossibleNow, match="not enough memory for b"):
        store.get("b")
    assert store.loaded is model


LEAK = """
import gc, sys
from pathlib import Path
import psutil, torch
from safetensors.torch import save_file
sys.path.insert(0, ".")
from modules.compute import choose
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from modules.models.unet import UNet, UNetConfig
from tests import tiny_model

folder = Path(sys.argv[1])
config = UNetConfig(channels=96, multipliers=(1, 2, 4), input_depths=((0, 0), (1, 1), (1, 1)),
                    output_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1)), context_width=64)
tiny = {k: w for k, w in tiny_model.tensors().items() if not k.startswith("model.diffusion_model.")}
with torch.device("meta"):
    places = UNet(config).state_dict()
for seed in range(3):
    unet = {f"model.diffusion_model.{k}": torch.full(w.shape, 0.01 * seed).half() for k, w in places.items()}
    save_file(tiny | unet, folder / f"{seed}.safetensors")
print((folder / "0.safetensors").stat().st_size)
del tiny, unet
store = ModelStore(CheckpointCatalogue((folder,), folder / "cache"), choose)
for i in range(23):
    store.get(str(i % 3))
    if i in (2, 22):
        print(psutil.Process().memory_info().rss)
"""


@pytest.mark.slow
def test_switching_often_leaves_no_memory_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    size, first, last = map(int, done.stdout.split())
    assert 60e6 < size < 200e6
    assert last < first * 1.05


# -- compute ------------------------------------------------------------------------------------------------

F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16


@pytest.mark.parametrize(
    ("options", "unet", "vae"),
    [
        (ComputeOptions(device="cpu"), F32, F32),
        (ComputeOptions(device="cpu", precision="half"), BF16, BF16),
        (ComputeOptions(device="cpu", precision="half", no_half_vae=True), BF16, F32),
        (ComputeOptions(device="cuda", use_cpu=("all",)), F32, F32),
        (ComputeOptions(device="cuda"), F16, BF16),
        (ComputeOptions(device="cuda", precision="autocast"), F16, BF16),
        (ComputeOptions(device="cuda", no_half_vae=True), F16, F32),
        (ComputeOptions(device="cuda", no_half=True), F32, F32),
        (ComputeOptions(device="cuda", precision="full"), F32, F32),
        (ComputeOptions(device="cuda", use_cpu=("VAE", "esrgan")), F16, F32),
    ],
)
def test_precision(
    options: ComputeOptions, unet: torch.dtype, vae: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    compute = choose(options)
    assert (compute.unet, compute.text, compute.vae) == (unet, unet, vae)


def test_devices() -> None:
    assert choose("cpu").device.type == "cpu"
    compute = choose(ComputeOptions(device="cuda:1", no_half=True, use_cpu=("vae",)))
    assert compute.device_of("unet") == torch.device("cuda:1")
    assert compute.device_of("vae") == compute.home_of("vae") == torch.device("cpu")
    assert compute.home_of("unet") == torch.device("cuda:1")
    medium = replace(compute, memory="medium")
    assert medium.home_of("unet") == torch.device("cpu")
    xl = Compute(torch.device("cuda"), F16, F16, F16, medium_for_xl=True)
    assert (xl.of_family(xl=False).memory, xl.of_family(xl=True).memory) == ("normal", "medium")
