"""Networks put into a model's weights and taken out again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.faults import BadFile
from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet
from modules.networks.lora.adapter import LoraAdapter, LoraUse
from modules.networks.lora.file import LoraFile
from tests import tiny_model

Q = "input_blocks.3.1.transformer_blocks.0.attn1.to_q"
CONV = "input_blocks.3.0.in_layers.2"
NORM = "input_blocks.3.0.in_layers.0"
TE_Q = "model.encoder.layers.1.self_attn.q_proj"
LAYER = "lora_te_text_model_encoder_layers_1_self_attn_"


class Model:
    """A tiny model as the loader makes it: inference tensors, convolutions in channels_last."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        with torch.inference_mode():
            self.unet = UNet(tiny_model.UNET).to(dtype).eval().requires_grad_(False)
            self.unet = self.unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.text = TextEncoder(tiny_model.TEXT).to(dtype).eval().requires_grad_(False)
        self.adapter = LoraAdapter(self.unet, [self.text], "Stable Diffusion 1")
        self.parameters = self.all_parameters()
        self.copies = {name: p.clone() for name, p in self.parameters.items()}

    def all_parameters(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": p
            for part, network in (("unet", self.unet), ("text", self.text))
            for name, p in network.named_parameters()
        }

    def weight(self, name: str) -> Tensor:
        return (self.unet if "blocks" in name else self.text).get_parameter(f"{name}.weight")

    def base(self, name: str) -> Tensor:
        return self.copies[f"{'unet' if 'blocks' in name else 'text'}.{name}.weight"]

    def changed(self) -> set[str]:
        """The names of the parameters that differ from what was loaded."""
        now = self.all_parameters()
        assert now.keys() == self.copies.keys()
        return {name for name, p in now.items() if not torch.equal(p, self.copies[name])}

    def assert_untouched(self) -> None:
        now = self.all_parameters()
        assert all(now[name] is p for name, p in self.parameters.items())
        assert not self.changed()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def write(tmp_path: Path) -> Iterator:
    count = iter(range(1000))

    def write(tensors: dict[str, Tensor]) -> LoraFile:
        path = tmp_path / f"file{next(count)}.safetensors"
        save_file({name: t.contiguous() for name, t in tensors.items()}, path)
        return LoraFile.read(path)

    yield write


def unet_key(module: str) -> str:
    return "lora_unet_" + module.replace(".", "_")


def random_lora(model: Model, seed: int, rank: int = 3) -> dict[str, Tensor]:
    """A LoRA for one linear layer and one convolution of the U-Net and one linear layer of the text encoder."""
    g = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, module in ((unet_key(Q), Q), (unet_key(CONV), CONV), (f"{LAYER}q_proj", TE_Q)):
        out, *rest = model.weight(module).shape
        tensors[f"{key}.lora_up.weight"] = torch.randn(out, rank, *(1,) * (len(rest) - 1), generator=g)
        tensors[f"{key}.lora_down.weight"] = torch.randn(rank, *rest, generator=g)
        tensors[f"{key}.alpha"] = torch.tensor(1.5)
    return tensors


def product(tensors: dict[str, Tensor], key: str, scale: float = 1.0, ranks: int | None = None) -> Tensor:
    up, down = tensors[f"{key}.lora_up.weight"], tensors[f"{key}.lora_down.weight"]
    delta = up.flatten(1)[:, :ranks] @ down.flatten(1)[:ranks] * scale
    return delta.reshape(up.shape[0], *down.shape[1:])


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found.clone(), expected.clone(), atol=2e-5, rtol=1e-5)


def test_weights_of_text_and_unet(model: Model, write) -> None:
    tensors = random_lora(model, 1)
    model.adapter.set([LoraUse(write(tensors), text_weight=0.2, unet_weight=0.9)])
    close(model.weight(Q), model.base(Q) + product(tensors, unet_key(Q), 0.9 * 0.5))
    close(model.weight(CONV), model.base(CONV) + product(tensors, unet_key(CONV), 0.9 * 0.5))
    close(model.weight(TE_Q), model.base(TE_Q) + product(tensors, f"{LAYER}q_proj", 0.2 * 0.5))
    assert model.changed() == {f"unet.{Q}.weight", f"unet.{CONV}.weight", f"text.{TE_Q}.weight"}
    assert model.weight(CONV).is_contiguous(memory_format=torch.channels_last)
    model.adapter.set(())
    model.assert_untouched()


def test_dyn_takes_the_first_ranks(model: Model, write) -> None:
    tensors = random_lora(model, 1)
    model.adapter.set([LoraUse(write(tensors), dyn=2)])
    for name in (Q, CONV):
        close(model.weight(name), model.base(name) + product(tensors, unet_key(name), 0.5, 2))


def test_ten_at_once_and_one_twice(model: Model, write) -> None:
    all_tensors = [random_lora(model, seed) for seed in range(10)]
    files = [write(tensors) for tensors in all_tensors]
    model.adapter.set([*(LoraUse(file, 1.0, 0.1 * i) for i, file in enumerate(files)), LoraUse(files[0])])
    expected = model.base(Q) + product(all_tensors[0], unet_key(Q), 0.5)
    for i, tensors in enumerate(all_tensors):
        expected = expected + product(tensors, unet_key(Q), 0.5 * 0.1 * i)
    close(model.weight(Q), expected)
    model.adapter.set(())
    model.assert_untouched()


def test_types_follow_one_another_on_the_running_weight(model: Model, write) -> None:
    key = unet_key(Q)
    first, last = random_lora(model, 1), random_lora(model, 2)
    w = torch.randn(64)
    uses = [
        LoraUse(write(first)),
        LoraUse(write({f"{key}.weight": w, f"{key}.on_input": torch.tensor(False)}), unet_weight=0.5),
        LoraUse(write(last)),
    ]
    model.adapter.set(uses)
    after_first = model.base(Q) + product(first, key, 0.5)
    expected = after_first + 0.5 * after_first * w[:, None] + product(last, key, 0.5)
    close(model.weight(Q), expected)


def test_norms_biases_and_a_bias_that_was_not_there(model: Model, write) -> None:
    tensors = {
        f"{unet_key(NORM)}.w_norm": torch.randn(32),
        f"{unet_key(NORM)}.b_norm": torch.randn(32),
        f"{unet_key(Q)}.diff": torch.randn(64, 64),
        f"{unet_key(Q)}.diff_b": torch.randn(64),
    }
    model.adapter.set([LoraUse(write(tensors), unet_weight=0.5)])
    norm = model.unet.get_submodule(NORM)
    assert isinstance(norm, nn.GroupNorm)
    close(norm.weight, model.base(NORM) + 0.5 * tensors[f"{unet_key(NORM)}.w_norm"])
    close(norm.bias, model.copies[f"unet.{NORM}.bias"] + 0.5 * tensors[f"{unet_key(NORM)}.b_norm"])
    layer = model.unet.get_submodule(Q)
    x = torch.randn(2, 64)
    W = model.base(Q) + 0.5 * tensors[f"{unet_key(Q)}.diff"]
    close(layer(x), x @ W.T + 0.5 * tensors[f"{unet_key(Q)}.diff_b"])
    model.adapter.set(())
    model.assert_untouched()
    assert layer.bias is None


def test_in_proj_is_cut_in_thirds(model: Model, write) -> None:
    key = "lora_te_transformer_resblocks_1_attn_in_proj"
    up, down, diff = torch.randn(192, 4), torch.randn(4, 64), torch.randn(64, 64)
    whole = {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down, f"{key}.diff_b": torch.randn(192)}
    single = {f"{LAYER}k_proj.diff": diff}
    model.adapter.set([LoraUse(write(single)), LoraUse(write(whole), text_weight=0.5)])
    delta = 0.5 * up @ down
    for i, part in enumerate("qkv"):
        name = TE_Q.replace("q_proj", f"{part}_proj")
        close(
            model.weight(name), model.base(name) + delta[64 * i : 64 * i + 64] + (diff if part == "k" else 0)
        )
        bias = model.text.get_parameter(f"{name}.bias")
        close(bias, model.copies[f"text.{name}.bias"] + 0.5 * whole[f"{key}.diff_b"][64 * i : 64 * i + 64])
    model.adapter.set(())
    model.assert_untouched()


def test_block_weights(model: Model, write) -> None:
    tensors = random_lora(model, 1)
    blocks = tuple(float(i) for i in range(26))  # BASE 0, IN00 1, IN01 2, IN02 3, IN03 4
    model.adapter.set([LoraUse(write(tensors), unet_weight=0.1, blocks=blocks)])
    close(model.weight(Q), model.base(Q) + product(tensors, unet_key(Q), 0.5 * 0.1 * 4))
    assert model.changed() == {f"unet.{Q}.weight", f"unet.{CONV}.weight"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype, write) -> None:
    model = Model(dtype)
    tensors = [random_lora(model, seed) for seed in range(3)]
    model.adapter.set([LoraUse(write(t)) for t in tensors])
    for name in (Q, CONV):
        exact = model.base(name).double()
        for t in tensors:
            exact = exact + product({k: v.double() for k, v in t.items()}, unet_key(name), 0.5)
        assert model.weight(name).dtype == dtype
        different = (model.weight(name) != exact.to(dtype)).float().mean()
        assert different < 0.01  # only where fp32 and exact numbers round to different sides
    model.adapter.set(())
    model.assert_untouched()


def test_same_uses_cost_nothing_and_other_weights_read_nothing(model: Model, write, monkeypatch) -> None:
    file = write(random_lora(model, 1))
    model.adapter.set([LoraUse(file)])
    before = model.weight(Q)
    model.adapter.set([LoraUse(file)])
    assert model.weight(Q) is before
    assert model.adapter.active == (LoraUse(file),)
    file.path.unlink()
    model.adapter.set([LoraUse(file, unet_weight=0.25)])
    assert model.weight(Q) is not before
    close(model.weight(Q) - model.base(Q), (before - model.base(Q)) * 0.25)


def test_a_fault_leaves_the_networks_of_before(model: Model, write) -> None:
    good = write(random_lora(model, 1))
    model.adapter.set([LoraUse(good)])
    before = {name: p.clone() for name, p in model.all_parameters().items()}
    bad = random_lora(model, 2)
    bad[f"{unet_key(CONV)}.lora_down.weight"] = torch.randn(3, 17, 3, 3)
    with pytest.raises(
        BadFile, match=r"another kind of model: lora_unet_input_blocks_3_0_in_layers_2 .*\[64, 32, 3, 3\]"
    ):
        model.adapter.set([LoraUse(good), LoraUse(write(bad))])
    assert model.adapter.active == (LoraUse(good),)
    assert all(torch.equal(p, before[name]) for name, p in model.all_parameters().items())
    with pytest.raises(BadFile, match="none of its 1 modules is in Stable Diffusion 1"):
        model.adapter.set([LoraUse(write({"lora_unet_double_blocks_0_x.diff": torch.ones(2)}))])
    assert model.adapter.active == (LoraUse(good),)
    model.adapter.set(())
    model.assert_untouched()


def test_other_errors_are_not_blamed_on_the_file(model: Model, write, monkeypatch) -> None:
    def no_memory(*_: object) -> None:
        raise RuntimeError("not enough memory")

    with monkeypatch.context() as patch:
        patch.setattr("modules.networks.lora.merge.torch.addmm", no_memory)
        with pytest.raises(RuntimeError, match="not enough memory"):
            model.adapter.set([LoraUse(write(random_lora(model, 1)))])
    assert model.adapter.active == ()
    model.assert_untouched()


def test_pictures_are_those_of_an_ordinary_lora(model: Model, write) -> None:
    """Merged weights give what a LoRA is: the layer's own output plus that of the two small layers."""
    tensors = random_lora(model, 1)
    x, text = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 64)
    timesteps = torch.tensor([10.0, 900.0])
    plain = copy.deepcopy(model.unet)
    for name in (Q, CONV):
        up, down = tensors[f"{unet_key(name)}.lora_up.weight"], tensors[f"{unet_key(name)}.lora_down.weight"]

        def add(
            module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor, up: Tensor = up, down: Tensor = down
        ) -> Tensor:
            if isinstance(module, nn.Conv2d):
                return y + 0.5 * torch.conv2d(torch.conv2d(inputs[0], down, padding=1), up)
            return y + 0.5 * inputs[0] @ down.T @ up.T

        plain.get_submodule(name).register_forward_hook(add)
    with torch.inference_mode():
        without = model.unet(x, timesteps, text)
        model.adapter.set([LoraUse(write(tensors))])
        found, expected = model.unet(x, timesteps, text), plain(x, timesteps, text)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
        assert (found - without).abs().max() > 0.05
        model.adapter.set(())
        assert torch.equal(model.unet(x, timesteps, text), without)


def test_a_model_that_was_moved_with_networks_in(model: Model, write) -> None:
    model.adapter.set([LoraUse(write(random_lora(model, 1)))])
    with torch.inference_mode():
        model.unet.to(torch.float64)
    model.adapter.set(())
    assert {p.dtype for p in model.unet.parameters()} == {torch.float64}
    assert torch.equal(model.weight(Q), model.base(Q).double())
