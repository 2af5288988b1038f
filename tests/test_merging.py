"""Merged checkpoints: the arithmetic, which tensors are kept, what goes wrong, and how much memory it takes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.faults import BadFile, Fault, InvalidField, NotPossibleNow, NotSupported, UnknownName
from modules.jobs import merging as merging_jobs
from modules.jobs.merging import MergeOrder, Merger
from modules.models.catalogue import CheckpointCatalogue
from modules.models.merge_recipe import MergeRecipe, proposed_name
from modules.models.merging import INPUT, MergeCancelled, merge
from modules.models.safetensors_writer import SafetensorsWriter, TensorSpec
from modules.rest.errors import install_handlers
from modules.rest.merging import routes
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
UNET = "model.diffusion_model."
VAE = "first_stage_model."
POSITIONS = "cond_stage_model.transformer.text_model.embeddings.position_ids"
Tensors = dict[str, torch.Tensor]


def checkpoint(seed: int, dtype: torch.dtype = torch.float32, inputs: int = 4) -> Tensors:
    random = torch.Generator().manual_seed(seed)

    def weights(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random).to(dtype)

    return {
        INPUT: weights(8, inputs, 3, 3),
        UNET + "out.2.weight": weights(4, 8, 3, 3),
        VAE + "decoder.conv_in.weight": weights(4, 4),
        VAE + "encoder.conv_in.weight": weights(4, 3),
        POSITIONS: torch.arange(77).reshape(1, 77) + seed,
        "alphas_cumprod": weights(10),
        UNET + "scale": weights(),
    }


def write(folder: Path, name: str, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    path = folder / f"{name}.safetensors"
    save_file(tensors, path, metadata)
    return path


def run(recipe: MergeRecipe, output: Path) -> Tensors:
    shares: list[float] = []
    assert merge(recipe, output, shares.append, lambda: False) == output
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert not list(output.parent.glob("*.tmp"))
    return load_file(output)


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_a_weighted_sum_is_computed_in_float32(tmp_path: Path) -> None:
    a, b = checkpoint(1), checkpoint(2, torch.float16)
    recipe = MergeRecipe("weighted sum", write(tmp_path, "a", a), write(tmp_path, "b", b), multiplier=0.3)
    merged = run(recipe, tmp_path / "new" / "out.safetensors")
    assert set(merged) == set(a)
    for name in set(a) - {POSITIONS}:
        assert merged[name].dtype == torch.float32 and merged[name].shape == a[name].shape
        torch.testing.assert_close(merged[name], a[name] * 0.7 + b[name].float() * 0.3, rtol=1e-6, atol=1e-7)
    assert torch.equal(merged[POSITIONS], a[POSITIONS])


def test_a_difference_is_added(tmp_path: Path) -> None:
    a, b, c = checkpoint(1, torch.bfloat16), checkpoint(2), checkpoint(3)
    first, second, third = (write(tmp_path, name, file) for name, file in (("a", a), ("b", b), ("c", c)))
    recipe = MergeRecipe("add difference", first, second, third, multiplier=0.8)
    merged = run(recipe, tmp_path / "out.safetensors")
    for name in set(a) - {POSITIONS}:
        expected = a[name].float() + (b[name] - c[name]) * 0.8
        assert merged[name].dtype == torch.bfloat16
        torch.testing.assert_close(merged[name].float(), expected, rtol=0.01, atol=0.01)
    same = run(replace(recipe, multiplier=0.0), tmp_path / "same.safetensors")
    assert all(torch.equal(same[name], a[name]) for name in a)


def test_no_interpolation_converts_and_bakes_a_vae_in(tmp_path: Path) -> None:
    a, other = checkpoint(1), checkpoint(5)
    a[VAE + "loss.old"] = torch.ones(3)
    a[UNET + "huge"] = torch.tensor([1e6, -1e6, 2.0])
    vae = {name.removeprefix(VAE): value for name, value in other.items() if name.startswith(VAE)}
    recipe = MergeRecipe("no interpolation", write(tmp_path, "a", a), half=True)
    alone = {**vae, "loss.logvar": torch.ones(1), "model_ema.decay": torch.ones(1)}
    sources = [write(tmp_path, "vae", alone), write(tmp_path, "whole", other)]
    for number, source in enumerate(sources):
        path = tmp_path / f"out{number}.safetensors"
        merged = run(replace(recipe, vae=source), path)
        assert {name for name in merged if name.startswith(VAE)} == {VAE + name for name in vae}
        assert all(torch.equal(merged[VAE + name], vae[name].half()) for name in vae)
        assert merged[POSITIONS].dtype == torch.int64
        assert all(t.dtype == torch.float16 for name, t in merged.items() if name != POSITIONS)
        assert torch.equal(merged[UNET + "huge"], torch.tensor([65504.0, -65504.0, 2.0]).half())


def test_names_that_not_all_files_have(tmp_path: Path) -> None:
    a, b = checkpoint(1), checkpoint(2)
    a["only.a"] = torch.tensor([1.0])
    del a[VAE + "encoder.conv_in.weight"], a[POSITIONS]
    b["model_ema.x"], b["optimizer.y"] = torch.tensor([2.0]), torch.tensor([3.0])
    recipe = MergeRecipe("weighted sum", write(tmp_path, "a", a), write(tmp_path, "b", b), multiplier=0.5)
    merged = run(recipe, tmp_path / "out.safetensors")
    assert set(merged) == {*a, VAE + "encoder.conv_in.weight"}
    assert torch.equal(merged["only.a"], a["only.a"])
    assert torch.equal(merged[VAE + "encoder.conv_in.weight"], b[VAE + "encoder.conv_in.weight"])
    pruned = run(replace(recipe, discard=r"^only\.|alphas"), tmp_path / "pruned.safetensors")
    assert set(merged) - set(pruned) == {"only.a", "alphas_cumprod"}


@pytest.mark.parametrize("inputs", [9, 8])
def test_an_inpainting_model_keeps_its_further_inputs(tmp_path: Path, inputs: int) -> None:
    a, b, c = checkpoint(1, inputs=inputs), checkpoint(2), checkpoint(3)
    paths = [write(tmp_path, name, tensors) for name, tensors in (("a", a), ("b", b), ("c", c))]
    order = MergeRecipe("add difference", paths[0], paths[1], paths[2], multiplier=1.0)
    merged = run(order, tmp_path / "out.safetensors")[INPUT]
    torch.testing.assert_close(merged[:, :4], a[INPUT][:, :4] + b[INPUT] - c[INPUT])
    assert torch.equal(merged[:, 4:], a[INPUT][:, 4:])
    recipe = json.loads(metadata_of(tmp_path / "out.safetensors")["sd_merge_recipe"])
    assert (recipe["is_inpainting"], recipe["is_instruct_pix2pix"]) == (inputs == 9, inputs == 8)
    with pytest.raises(BadFile, match=r"a\.safetensors .*Choose it as checkpoint A"):
        run(MergeRecipe("weighted sum", paths[1], paths[0]), tmp_path / "no.safetensors")


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    a, b = checkpoint(1), checkpoint(2)
    b[UNET + "out.2.weight"] = torch.ones(4, 16, 3, 3)
    path_a, path_b = write(tmp_path, "a", a), write(tmp_path, "b", b)
    stranger = write(tmp_path, "stranger", {"lora.up": torch.ones(2)})
    flat = write(tmp_path, "flat", {"decoder.conv_in.weight": torch.ones(9, 9)})
    output = tmp_path / "out" / "x.safetensors"
    cases: list[tuple[MergeRecipe, str]] = [
        (MergeRecipe("weighted sum", path_a, path_b), r"b\.safetensors .*out\.2\.weight.* 4x16x3x3.*4x8x3x3"),
        (MergeRecipe("add difference", path_a, path_a, path_b), r"b\.safetensors .*out\.2\.weight"),
        (MergeRecipe("weighted sum", path_a, stranger), "stranger.*nothing|stranger.*no tensor in common"),
        (MergeRecipe("no interpolation", path_a, vae=stranger), "holds no VAE"),
        (MergeRecipe("no interpolation", path_a, vae=flat), r"flat.*decoder\.conv_in\.weight.*9x9"),
    ]
    for recipe, message in cases:
        with pytest.raises(BadFile, match=message):
            run(recipe, output)
    with pytest.raises(InvalidField, match="discard"):
        run(MergeRecipe("no interpolation", path_a, discard="."), output)
    with pytest.raises(InvalidField, match="Choose another name"):
        run(MergeRecipe("no interpolation", path_a), path_a)
    assert not output.parent.exists() or not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"method": "sum"}, "method"),
        ({"secondary": None}, "secondary"),
        ({"method": "add difference"}, "tertiary"),
        ({"multiplier": float("nan")}, "multiplier"),
        ({"multiplier": 3.0}, "multiplier"),
        ({"discard": "("}, "discard"),
        ({"discard": "a" * 501}, "discard"),
    ],
)
def test_recipes_are_checked(fields: dict[str, Any], field: str) -> None:
    known: dict[str, Any] = {"method": "weighted sum", "primary": Path("a"), "secondary": Path("b")}
    with pytest.raises(InvalidField) as caught:
        MergeRecipe(**{**known, **fields})
    assert caught.value.field == field
    with pytest.raises(NotSupported, match="pickle"):
        MergeRecipe(**{**known, "format": "ckpt"})


def test_the_recipe_is_in_the_metadata(tmp_path: Path) -> None:
    older = {"sd_merge_models": json.dumps({"ff": {"name": "older"}}), "sd_merge_recipe": '{"type": "webui"}'}
    told = {
        "modelspec.resolution": "256x256",
        "modelspec.title": "A",
        "modelspec.hash_sha256": "0x1",
        **older,
    }
    a = write(tmp_path, "a", checkpoint(1), told)
    b = write(tmp_path, "b", checkpoint(2), {"ours": "kept", "modelspec.resolution": "8x8"})
    recipe = MergeRecipe(
        "weighted sum",
        a,
        b,
        multiplier=0.25,
        half=True,
        discard="x",
        name="mix",
        hashes={a: "aa" * 32, b: "bb" * 32},
    )
    (tmp_path / "a.yaml").write_text("model: {}")
    run(recipe, tmp_path / "mix.v1.safetensors")
    assert (tmp_path / "mix.v1.yaml").read_text() == "model: {}"
    made = metadata_of(tmp_path / "mix.v1.safetensors")
    assert made["modelspec.title"] == "mix" and made["modelspec.merged_from"] == "a, b"
    assert made["modelspec.resolution"] == "256x256" and made["ours"] == "kept" and made["format"] == "pt"
    assert "modelspec.hash_sha256" not in made
    assert json.loads(made["sd_merge_recipe"]) == {
        "type": "webui",
        "primary_model_hash": "aa" * 32,
        "secondary_model_hash": "bb" * 32,
        "tertiary_model_hash": None,
        "interp_method": "Weighted sum",
        "multiplier": 0.25,
        "save_as_half": True,
        "custom_name": "mix",
        "config_source": 0,
        "bake_in_vae": None,
        "discard_weights": "x",
        "is_inpainting": False,
        "is_instruct_pix2pix": False,
    }
    models = json.loads(made["sd_merge_models"])
    assert set(models) == {"aa" * 32, "bb" * 32, "ff"}
    assert models["aa" * 32]["name"] == "a.safetensors" and len(models["aa" * 32]["legacy_hash"]) == 8
    assert models["aa" * 32]["sd_merge_recipe"] == {"type": "webui"}
    bare = replace(recipe, keep_metadata=False, save_recipe=False)
    run(bare, tmp_path / "bare.safetensors")
    assert set(metadata_of(tmp_path / "bare.safetensors")) == {
        "format",
        "modelspec.title",
        "modelspec.merged_from",
    }


def test_a_cancelled_or_failed_merge_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a = write(tmp_path, "a", checkpoint(1))
    output = tmp_path / "out" / "x.safetensors"
    output.parent.mkdir()
    output.write_bytes(b"before")
    recipe = MergeRecipe("no interpolation", a)
    shares: list[float] = []
    with pytest.raises(MergeCancelled):
        merge(recipe, output, shares.append, lambda: len(shares) == 2)
    assert len(shares) == 2
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: usage._replace(free=100))
        with pytest.raises(NotPossibleNow, match=r"x\.safetensors needs .* MB, .*0\.0 MB left"):
            merge(recipe, output, shares.append, lambda: False)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotPossibleNow, match="The disk is full"):
            merge(recipe, output, shares.append, lambda: False)
    assert [path.name for path in output.parent.iterdir()] == ["x.safetensors"]
    assert output.read_bytes() == b"before"


def test_the_writer_writes_all_kinds_of_tensors(tmp_path: Path) -> None:
    tensors = {
        "a": torch.tensor([True, False, True]),
        "b": torch.arange(3, dtype=torch.int64),
        "c": torch.tensor(1.5, dtype=torch.bfloat16),
        "d": torch.zeros(0, 4),
        "ü": torch.arange(6.0).reshape(2, 3).T.to(torch.float8_e4m3fn),
        "f": torch.ones(3, dtype=torch.float16),
    }
    path = tmp_path / "all.safetensors"
    specs = {name: TensorSpec(tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    with SafetensorsWriter(path, specs, {"title": "Ä"}) as writer:
        with pytest.raises(ValueError, match="missing"):
            writer.commit()
        with pytest.raises(ValueError, match="not what the header says"):
            writer.write(writer.names[0], torch.ones(5))
        for name in writer.names:
            writer.write(name, tensors[name])
        writer.commit()
    read = load_file(path)
    assert metadata_of(path) == {"title": "Ä"}
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype and read[name].shape == tensor.shape
        assert torch.equal(read[name].float(), tensor.float())
    with pytest.raises(NotSupported, match="complex64"):
        SafetensorsWriter(path, {"x": TensorSpec((1,), torch.complex64)}, {})


# The peak comes from /proc: ru_maxrss would begin with the peak of the process that started this one.
MEASURE = """
import sys
from pathlib import Path
import torch
from modules.models import checkpoint_file
from modules.models.merge_recipe import MergeRecipe
from modules.models.merging import merge
folder = Path(sys.argv[1])
def run(*names):
    paths = [folder / f"{name}.safetensors" for name in names]
    merge(MergeRecipe("add difference", *paths, half=True), folder / "out.safetensors", lambda f: None, lambda: False)
def peak():
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("VmHWM:") + 1]) * 1024
run("sa", "sb", "sc")
before = peak()
run("a", "b", "c")
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of memory so")
def test_memory_stays_below_one_file(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path, name, {f"{UNET}{i}": torch.full((500_000,), float(i)) for i in range(30)})
        write(tmp_path, f"s{name}", {f"{UNET}{i}": torch.ones(10) for i in range(30)})
    size = (tmp_path / "a.safetensors").stat().st_size
    assert size > 55e6
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < size / 2, f"{int(done.stdout) / 1e6:.0f} MB more than before"
    assert load_file(tmp_path / "out.safetensors")[f"{UNET}7"][0] == 7.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Stable-diffusion"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a", "sub/b", "c")):
        write(folder, name, checkpoint(number))
    write(tmp_path, "soft", {"decoder.conv_in.weight": torch.ones(4, 4)})
    return folder


@pytest.fixture
def merger(folder: Path) -> Iterator[Merger]:
    catalogue = CheckpointCatalogue((folder,), folder.parent / "hashes.json")
    merger = Merger(folder, catalogue, lambda: [("soft", folder.parent / "soft.safetensors")])
    yield merger
    merger.close()


@pytest.fixture
def client(merger: Merger) -> TestClient:
    app = FastAPI()
    app.include_router(routes(merger))
    install_handlers(app)
    return TestClient(app, raise_server_exceptions=False)


def test_names_are_proposed() -> None:
    assert proposed_name("weighted sum", ["a", "sub/b"], 0.3) == "0.7(a) + 0.3(b)"
    assert proposed_name("add difference", ["a", "b", "c"], 1.0) == "a + 1(b - c)"
    assert proposed_name("no interpolation", ["a"], 0.3) == "a-converted"


def test_a_merge_over_http(merger: Merger, client: TestClient, folder: Path) -> None:
    assert client.get("/internal/merge").json()["status"] == "idle"
    body = {
        "primary": "a.safetensors",
        "secondary": "sub/b",
        "multiplier": 0.5,
        "vae": "soft",
        "name": "new/mix",
    }
    answer = client.post("/internal/merge", json=body)
    assert answer.status_code == 200 and answer.json()["status"] == "running"
    assert merger.wait(PATIENCE).status == "done"
    state = client.get("/internal/merge").json()
    assert state["filename"] == "new/mix.safetensors" and state["fraction"] == 1.0 and state["error"] is None
    merged = load_file(folder / "new" / "mix.safetensors")
    assert torch.equal(merged[VAE + "decoder.conv_in.weight"], torch.ones(4, 4))
    again = client.post("/internal/merge", json=body)
    assert (
        again.status_code == 422 and again.json()["field"] == "name" and "already" in again.json()["detail"]
    )
    assert client.post("/internal/merge", json={**body, "overwrite": True}).status_code == 200
    assert merger.wait(PATIENCE).number == 2
    models = json.loads(metadata_of(folder / "new" / "mix.safetensors")["sd_merge_models"])
    assert {model["name"] for model in models.values()} == {"a.safetensors", "b.safetensors"}
    assert client.post("/internal/merge", json={"primary": "a", "secondary": "c"}).json()["filename"] == (
        "0.7(a) + 0.3(c).safetensors"
    )
    assert merger.wait(PATIENCE).status == "done"


@pytest.mark.parametrize(
    ("fields", "kind", "field"),
    [
        ({"primary": ""}, InvalidField, "primary"),
        ({"primary": "zzz"}, UnknownName, "primary"),
        ({"secondary": "zzz"}, UnknownName, "secondary"),
        ({"secondary": None, "tertiary": "c", "method": "Add Difference"}, InvalidField, "secondary"),
        ({"vae": "zzz"}, UnknownName, "vae"),
        ({"method": "x"}, InvalidField, "method"),
        ({"multiplier": "x"}, InvalidField, "multiplier"),
        ({"name": "../../x"}, InvalidField, "name"),
        ({"name": "/tmp/x"}, InvalidField, "name"),
        ({"name": "x\n"}, None, None),
        ({"name": "a:b"}, InvalidField, "name"),
        ({"name": "x" * 201}, InvalidField, "name"),
        ({"name": "x.ckpt"}, NotSupported, "name"),
        ({"name": "a"}, InvalidField, "name"),
        ({"name": "a", "overwrite": True}, InvalidField, "name"),
    ],
)
def test_bad_orders_are_refused(
    client: TestClient, merger: Merger, fields: dict[str, Any], kind: type[Fault] | None, field: str | None
) -> None:
    answer = client.post(
        "/internal/merge", json={"primary": "a", "secondary": "c", "name": "new", **fields}
    ).json()
    if kind is None:
        assert merger.wait(PATIENCE).status == "done"
        return
    if "status" in answer:  # what only the thread can know
        state = merger.wait(PATIENCE)
        assert state.status == "failed" and state.error
        answer = {"error": kind.__name__, "field": state.field}
    assert (answer["error"], answer["field"]) == (kind.__name__, field)


def test_one_at_a_time_and_cancel(
    client: TestClient, merger: Merger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, real = threading.Event(), merging_jobs.merge

    def slow(
        recipe: MergeRecipe, output: Path, progress: Callable[[float], None], cancelled: Callable[[], bool]
    ) -> Path:
        def wait() -> bool:
            begun.set()
            deadline = time.monotonic() + PATIENCE
            while not cancelled() and time.monotonic() < deadline:
                time.sleep(0.005)
            return cancelled()

        return real(recipe, output, progress, wait)

    monkeypatch.setattr(merging_jobs, "merge", slow)
    body = {"primary": "a", "secondary": "c", "name": "mix"}
    assert client.post("/internal/merge", json=body).status_code == 200
    assert begun.wait(PATIENCE)
    assert client.get("/internal/merge").json()["message"] == "Writing mix.safetensors"
    second = client.post("/internal/merge", json={**body, "name": "other"})
    assert second.status_code == 503 and "Another merge" in second.json()["detail"]
    assert client.post("/internal/merge/cancel").status_code == 200
    assert merger.wait(PATIENCE).status == "cancelled"
    assert sorted(path.name for path in folder.iterdir()) == ["a.safetensors", "c.safetensors", "sub"]


def test_a_defect_is_told_and_the_next_merge_works(merger: Merger, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> Path:
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(merging_jobs, "merge", broken)
        merger.start(MergeOrder("weighted sum", "a", "c", name="x"))
        state = merger.wait(PATIENCE)
    assert (
        state.status == "failed"
        and "RuntimeError" in (state.error or "")
        and "secret" not in (state.error or "")
    )
    merger.start(MergeOrder("weighted sum", "a", "c", name="x"))
    assert merger.wait(PATIENCE).status == "done"


def test_without_a_merger_it_says_so() -> None:
    app = FastAPI()
    app.include_router(routes(None))
    install_handlers(app)
    answer = TestClient(app, raise_server_exceptions=False).get("/internal/merge")
    assert answer.status_code == 422 and "merged" in answer.json()["detail"]
