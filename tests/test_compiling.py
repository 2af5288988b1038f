"""Compiled blocks: beside the work, for each shape, and surely off again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modules.generation.engine import Engine, check
from modules.generation.requests import TextToImage
from modules.generation.results import Unwatched
from modules.models.compiling import CompiledBlocks, can_compile
from modules.models.tiling import circular_convolutions
from modules.models.unet import UNet, UNetConfig
from modules.models.unet_layers import ResBlock
from tests.starter import Starter
from tests.waiting import PATIENCE, eventually

CONFIG = UNetConfig(
    channels=32,
    multipliers=(1, 2),
    input_depths=((1,), (0,)),
    middle_depth=1,
    output_depths=((1, 1), (0, 0)),
    context_width=16,
    heads=4,
)


def network() -> UNet:
    torch.manual_seed(0)
    return UNet(CONFIG).eval().requires_grad_(False)


def inputs(side: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(2, 4, side, side), torch.tensor([500.0, 500.0]), torch.randn(2, 77, 16)


def twice(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A "compiled" form that can be told from the plain one."""
    return lambda *given: 2 * function(*given)


@torch.inference_mode()
def test_a_block_runs_as_it_is_until_its_compiled_form_is_ready() -> None:
    unet, given = network(), inputs()
    plain = unet(*given)
    go_on = threading.Event()

    def slow(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def compiled(*values: Tensor) -> Tensor:
            assert go_on.wait(PATIENCE)
            return 2 * function(*values)

        return compiled

    blocks = CompiledBlocks(unet, slow)
    blocks.attach()
    assert torch.equal(unet(*given), plain)
    assert (blocks.ready, blocks.waiting > 0) == (0, True)
    go_on.set()
    eventually(lambda: blocks.waiting == 0)
    assert not torch.allclose(unet(*given), plain)
    blocks.detach()
    assert torch.equal(unet(*given), plain)
    assert not any("forward" in vars(module) for module in unet.modules())


@torch.inference_mode()
def test_another_size_is_compiled_anew_and_meanwhile_right() -> None:
    unet, small, large = network(), inputs(16), inputs(24)
    plain = unet(*large)
    blocks = CompiledBlocks(unet, twice)
    blocks.attach()
    unet(*small)
    eventually(lambda: blocks.waiting == 0)
    before = blocks.ready
    blocks._maker.submit(time.sleep, 0.3)
    assert torch.equal(unet(*large), plain)
    eventually(lambda: blocks.waiting == 0)
    assert blocks.ready == 2 * before
    assert before < sum(isinstance(module, ResBlock) for module in unet.modules()) + 4, "kinds share"
    blocks.detach()


@torch.inference_mode()
def test_tiling_leaves_compiled_code_out() -> None:
    unet, given = network(), inputs()
    with circular_convolutions(unet):
        plain = unet(*given)
    blocks = CompiledBlocks(unet, twice)
    blocks.attach()
    unet(*given)
    eventually(lambda: blocks.waiting == 0)
    with circular_convolutions(unet), blocks.paused():
        assert torch.equal(unet(*given), plain)
    blocks.detach()


@torch.inference_mode()
def test_what_cannot_be_compiled_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    unet, given = network(), inputs()
    plain = unet(*given)

    def broken(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def compiled(*values: Tensor) -> Tensor:
            raise RuntimeError("no compiler")

        return compiled

    blocks = CompiledBlocks(unet, broken)
    blocks.attach()
    unet(*given)
    eventually(lambda: blocks.waiting == 0)
    assert torch.equal(unet(*given), plain)
    assert caplog.text.count("no compiler") == 1
    blocks.detach()


@pytest.mark.skipif(
    not os.environ.get("EASEL_TEST_LARGE") or not can_compile(torch.device("cpu")),
    reason="compiles C++ for a while: set EASEL_TEST_LARGE=1",
)
@torch.inference_mode()
def test_torchs_compiler_gives_the_same_numbers() -> None:
    torch.manual_seed(0)
    block = ResBlock(32, 32, 64).eval().requires_grad_(False)
    x, embedding = torch.randn(1, 32, 8, 8), torch.randn(1, 64)
    plain = block(x, embedding)
    blocks = CompiledBlocks(torch.nn.Sequential(block))
    blocks.attach()
    assert torch.equal(block(x, embedding), plain)
    eventually(lambda: blocks.waiting == 0)
    assert blocks.ready == 1
    torch.testing.assert_close(block(x, embedding), plain, atol=1e-5, rtol=1e-5)
    blocks.detach()


def test_a_setting_puts_compiled_blocks_in_and_takes_them_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.models.compiling._compiled", lambda function: function)
    starter = Starter.in_folder(tmp_path)
    wanted = [True]
    engine = Engine(starter.models, compiles=lambda: wanted[0])
    request = check(TextToImage(prompt="a house", width=64, height=64, steps=2, tiling=True), starter.models)
    list(engine.run(request, Unwatched()))
    model = starter.models.loaded
    assert model is not None
    block = next(module for module in model.unet.modules() if isinstance(module, ResBlock))
    session = engine._sessions.of(model)
    assert session.compiled is not None and "forward" in vars(block)
    assert session.compiled.ready == session.compiled.waiting == 0, "tiling pauses it"
    list(engine.run(replace(request, tiling=False), Unwatched()))
    eventually(lambda: session.compiled is not None and session.compiled.waiting == 0)
    assert session.compiled.ready > 0
    wanted[0] = False
    list(engine.run(request, Unwatched()))
    assert "forward" not in vars(block)
