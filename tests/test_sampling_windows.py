"""The denoiser with windows: what the U-Net is called with, the refiner, and the way out of a long call."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from modules.models.conditioning import Conditioning
from modules.models.noise_schedule import alphas_cumprod
from modules.models.noise_schedule import sigmas as model_sigmas
from modules.models.unet import ProjectedContext
from modules.models.unet_layers import KeysValues
from modules.sampling.denoiser import Guidance, GuidedDenoiser, Switch, TextTimeline
from modules.sampling.predictor import Predictor
from modules.sampling.sample import Stopped
from modules.sampling.schedules import ModelSigmas
from modules.sampling.windows import Windows

SIGMAS = ModelSigmas(model_sigmas(alphas_cumprod()))
SIGMA = torch.full((2,), 3.0)
WINDOWS = Windows(8, 8, 4)


class Net(nn.Module):
    """Adds what it is told of the picture, times a factor; notes the sizes that it is called with."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.sizes: list[tuple[int, ...]] = []

    def project_context(self, context: Tensor) -> ProjectedContext:
        return {"t": [(KeysValues(context[:, None], context[:, None]),)]}

    def forward(
        self, x: Tensor, timesteps: Tensor, context: ProjectedContext, vector: Tensor | None = None
    ) -> Tensor:
        assert len(timesteps) == len(x) == len(context["t"][0][0].keys)
        self.sizes.append(tuple(x.shape))
        return (x[:, :4] + x[:, 4:].sum(1, keepdim=True)) * self.factor


def told(channels: Tensor | None = None) -> Conditioning:
    return Conditioning(torch.zeros(1, 77, 4), channels=channels)


def denoiser(net: Net, windows: Windows | None, **more: object) -> GuidedDenoiser:
    text = TextTimeline(((1000, told()),))
    return GuidedDenoiser(net, SIGMAS, Guidance(((1.0, text),), text, 3.0), windows=windows, **more)  # type: ignore[arg-type]


def test_windows_come_with_the_picture_that_belongs_to_them() -> None:
    x, channels = torch.randn(2, 4, 12, 20), torch.randn(1, 5, 12, 20)
    timestep = SIGMAS.to_timestep(SIGMA)
    whole, parts = Net(), Net()
    group = [told(channels), told(channels * 2)]
    expected = Predictor(whole, "v")(x, SIGMA, timestep, group)  # type: ignore[arg-type]
    given = Predictor(parts, "v", WINDOWS)(x, SIGMA, timestep, group)  # type: ignore[arg-type]
    assert parts.sizes == [(4, 9, 8, 8)] * WINDOWS.count(12, 20) and whole.sizes == [(4, 9, 12, 20)]
    for one, other in zip(expected, given, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("windows", [None, Windows(12, 20, 4), Windows(64, 64, 8)])
def test_without_windows_or_with_one_everything_is_as_it_was(windows: Windows | None) -> None:
    x = torch.randn(2, 4, 12, 20)
    assert torch.equal(denoiser(Net(), windows)(x, SIGMA), denoiser(Net(), None)(x, SIGMA))


def test_what_takes_over_sees_windows_too() -> None:
    first, second = Net(), Net(0.5)
    made = denoiser(first, WINDOWS)
    made._switch = Switch(0.5, lambda: (second, made.guidance, "epsilon"), calls=2)  # type: ignore[arg-type,return-value]
    x = torch.randn(2, 4, 8, 16)
    results = [made(x, SIGMA) for _ in range(2)]
    assert first.sizes == second.sizes == [(4, 4, 8, 8)] * 3
    torch.testing.assert_close(results[1], denoiser(Net(0.5), None)(x, SIGMA))


def test_a_call_can_be_ended_between_windows() -> None:
    asked: list[int] = []

    def before(limit: int) -> Callable[[], None]:
        def count() -> None:
            asked.append(1)
            if len(asked) == limit:
                raise Stopped

        return count

    net = Net()
    with pytest.raises(Stopped):
        denoiser(net, WINDOWS, before_call=before(3))(torch.randn(2, 4, 8, 16), SIGMA)
    assert len(net.sizes) == 1
