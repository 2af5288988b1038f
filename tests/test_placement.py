"""Which part of a model is where: turns on the device, layer by layer, and back. The device is torch's "meta"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modules.compute import Compute, Memory
from modules.models.catalogue import Checkpoint
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.loader import load
from modules.models.placement import PARTS, empty, layers_of, networks_of, placed, rest
from tests import tiny_model

META, CPU = torch.device("meta"), torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tiny_model.write(tmp_path_factory.mktemp("models") / "tiny.safetensors")
    return Checkpoint(path, "tiny", path.name)


def model_on(checkpoint: Checkpoint, memory: Memory) -> LatentDiffusion:
    """Its device is "meta", and its weights wait on the CPU."""
    kind = torch.float32
    model = load(checkpoint, Compute(CPU, kind, kind, kind))
    return replace(model, compute=Compute(META, kind, kind, kind, memory))


def where(model: LatentDiffusion) -> dict[str, str]:
    return {
        part: "/".join(sorted({p.device.type for network in networks for p in network.parameters()}))
        for part in PARTS
        if (networks := networks_of(model, part))
    }


class Copies:
    """Copies tensors between the devices, and counts."""

    def __init__(self) -> None:
        self.moved: list[str] = []

    def __call__(self, tensor: Tensor, device: torch.device) -> Tensor:
        self.moved.append(device.type)
        return torch.empty_like(tensor, device=device)


def test_medium_parts_take_turns(checkpoint: Checkpoint) -> None:
    model, copies = model_on(checkpoint, "medium"), Copies()
    with placed(model, "text", copies):
        assert where(model) == {"text": "meta", "unet": "cpu", "vae": "cpu"}
    with placed(model, "unet", copies):
        assert where(model) == {"text": "cpu", "unet": "meta", "vae": "cpu"}
    assert where(model)["unet"] == "meta"  # it stays until another part is needed
    before = len(copies.moved)
    with placed(model, "unet", copies):
        pass
    assert len(copies.moved) == before
    with placed(model, "vae", copies):
        assert where(model) == {"text": "cpu", "unet": "cpu", "vae": "meta"}
    # what was there went before the next came
    unet = len(list(model.unet.parameters()))
    assert copies.moved[before : before + unet] == ["cpu"] * unet


def run(model: LatentDiffusion, device: torch.device, context: Tensor | None = None) -> Tensor:
    x = torch.ones(1, 4, 8, 8, device=device)
    text = torch.ones(1, 77, tiny_model.UNET.context_width, device=device)
    return model.unet(x, torch.ones(1, device=device), text)


def hooks_of(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def test_low_one_layer_at_a_time(checkpoint: Checkpoint) -> None:
    model, copies = model_on(checkpoint, "low"), Copies()
    weights = dict(model.unet.named_parameters())
    together: list[int] = []

    def watch(layer: nn.Module, inputs: object) -> None:
        together.append(sum(any(p.is_meta for p in each.parameters()) for each in top))

    top = [each for each in layers_of(model.unet) if not isinstance(each, nn.Linear)]
    with placed(model, "unet", copies):
        assert where(model)["unet"] == "cpu"
        watchers = [layer.register_forward_pre_hook(watch) for layer in top]
        assert run(model, META).shape == (1, 4, 8, 8)
        for watcher in watchers:
            watcher.remove()
        assert where(model)["unet"] == "cpu"
    assert together == [1] * len(top)
    assert hooks_of(model.unet) == 0
    # the very weights that were there before, and none was copied back
    assert all(weights[name] is p for name, p in model.unet.named_parameters())
    assert set(copies.moved) == {"meta"}


@pytest.mark.parametrize("memory", ["low", "medium", "normal"])
def test_failures_leave_no_hooks(checkpoint: Checkpoint, memory: Memory) -> None:
    model, copies = model_on(checkpoint, memory), Copies()

    def fail(layer: nn.Module, inputs: object) -> None:
        raise torch.OutOfMemoryError("no")

    with pytest.raises(torch.OutOfMemoryError), placed(model, "unet", copies):
        failing = model.unet.middle_block[0].register_forward_pre_hook(fail)
        try:
            run(model, META)
        finally:
            failing.remove()
    assert hooks_of(model.unet) == 0
    assert where(model)["unet"] == ("cpu" if memory == "low" else "meta")


def test_low_gives_the_same_result(checkpoint: Checkpoint) -> None:
    """With copies that stay on the CPU the hooks compute with copied weights."""
    model = model_on(checkpoint, "low")
    expected = run(model, CPU)
    with placed(model, "unet", lambda tensor, device: tensor.clone()), torch.inference_mode():
        assert torch.equal(run(model, CPU), expected)


def test_normal_brings_a_resting_model_back(checkpoint: Checkpoint) -> None:
    model, copies = model_on(checkpoint, "normal"), Copies()
    with placed(model, "unet", copies), placed(model, "vae", copies):
        assert where(model) == {"text": "cpu", "unet": "meta", "vae": "meta"}
    rest(model, copies)
    assert set(where(model).values()) == {"cpu"}


def test_on_a_cpu_nothing_moves(checkpoint: Checkpoint) -> None:
    copies = Copies()
    for memory in ("normal", "medium", "low"):
        model = model_on(checkpoint, "normal")
        model = replace(model, compute=replace(model.compute, device=CPU, memory=memory))
        for part in PARTS:
            with placed(model, part, copies):
                assert hooks_of(model.unet) == 0
    assert copies.moved == []


def test_empty_gives_all_back(checkpoint: Checkpoint, tmp_path: Path) -> None:
    model = model_on(checkpoint, "normal")
    empty(model)
    assert set(where(model).values()) == {"meta"}
