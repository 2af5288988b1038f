"""CFG rescale, dynamic thresholding, the switch to another model, and the options that ask for them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modules.faults import InvalidField
from modules.generation.batch import sampler_settings
from modules.generation.options import SamplingOptions, parse_sigmas
from modules.models.families import Prediction
from modules.models.noise_schedule import alphas_cumprod, zero_terminal_snr
from modules.models.noise_schedule import sigmas as model_sigmas
from modules.sampling.catalogue import resolve
from modules.sampling.denoiser import Guidance, GuidedDenoiser, Switch
from modules.sampling.guidance_limits import Threshold, rescaled, thresholded
from modules.sampling.noise import PictureNoise, Seeds
from modules.sampling.sample import sample
from modules.sampling.schedules import (
    ALIGN_YOUR_STEPS,
    ALIGN_YOUR_STEPS_SDXL,
    ModelSigmas,
    interpolated,
    sigmas,
)
from modules.settings.model import PreviewSettings
from tests.test_sampling import GaussianUNet, MeanTextUNet, text

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> ModelSigmas:
    return ModelSigmas(model_sigmas(alphas_cumprod()))


def latents(seed: int, spread: float = 1.0) -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed)) * spread


# -- CFG rescale --------------------------------------------------------------------------------------------


def test_rescale_is_that_of_the_paper_in_terms_of_the_output() -> None:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    assert diffusers is not None
    x, sigma = latents(0, 3), 2.5
    positive, guided = latents(1), latents(2, 4)  # noise
    expected = x - sigma * rescale_noise_cfg(guided, positive, guidance_rescale=0.7)
    found = rescaled(x - sigma * guided, x - sigma * positive, x, 0.7)
    assert torch.allclose(found, expected, atol=1e-4)
    assert torch.equal(rescaled(guided, positive, x, 0.0), x - (x - guided))


PATTERN = torch.linspace(-1, 1, 64).view(1, 8, 8).expand(4, 8, 8)


class TwoTexts(MeanTextUNet):
    """Predicts a pattern times the mean of the text."""

    def forward(self, x: Tensor, timesteps: Tensor, context: object, vector: Tensor | None = None) -> Tensor:
        strength = super().forward(x, timesteps, context, vector)  # type: ignore[arg-type]
        return strength * PATTERN


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_rescaled_output_has_the_spread_of_the_positive_one(
    prediction: Prediction, model: ModelSigmas
) -> None:
    x, sigma = latents(3), torch.full((2,), 2.0)

    def denoised(**options: object) -> Tensor:
        guidance = Guidance(((1.0, text(3.0)),), text(1.0), 7.0, **options)  # type: ignore[arg-type]
        return GuidedDenoiser(TwoTexts(), model, guidance, prediction)(x, sigma)  # type: ignore[arg-type]

    s = 2.0
    origin = x if prediction == "epsilon" else x / (s * s + 1)
    factor = s if prediction == "epsilon" else s / (s * s + 1) ** 0.5
    pattern = PATTERN.std().item()
    assert torch.equal(denoised(), denoised(rescale=0.0))
    for share, expected in (
        (0.0, 15),
        (1.0, 3),
        (0.5, 9),
    ):  # 1 + 7 * (3 - 1) = 15 without, 3 for the prompt alone
        output = (origin - denoised(rescale=share)) / factor
        assert output.std().item() == pytest.approx(expected * pattern, rel=0.01)


# -- dynamic thresholding -----------------------------------------------------------------------------------


def test_thresholding_as_in_the_paper() -> None:
    guided = latents(4, 3)
    bound = guided.flatten(1).abs().quantile(0.9, dim=1)[:, None, None, None]
    assert torch.allclose(thresholded(guided, 0.9), guided.clamp(min=-bound, max=bound) / bound, atol=1e-6)
    small = latents(5, 0.1).clamp(-1, 1)
    assert torch.equal(thresholded(small, 0.9), small)  # nothing is beyond 1


def test_thresholding_keeps_the_mimicked_range_and_each_channels_mean() -> None:
    mimic, strong = latents(6), latents(6) * 5 + 2
    result = thresholded(strong, 0.995, mimic)
    widest = (mimic - mimic.mean((2, 3), keepdim=True)).abs().amax((2, 3), keepdim=True)
    centre = strong.mean((2, 3), keepdim=True)
    assert ((result - centre).abs() <= widest + 1e-5).all()
    assert torch.allclose(thresholded(mimic, 0.9, mimic), mimic, atol=1e-6)  # it is in its own range


def test_threshold_works_through_the_denoiser(model: ModelSigmas) -> None:
    x, sigma = latents(7), torch.full((2,), 1.0)

    def denoised(scale: float, threshold: Threshold | None) -> Tensor:
        guidance = Guidance(((1.0, text(3.0)),), text(1.0), scale, threshold=threshold)
        return GuidedDenoiser(TwoTexts(), model, guidance)(x * 0.01, sigma)  # type: ignore[arg-type]

    strong, bounded = denoised(20.0, None), denoised(20.0, Threshold(1.0, 7.0))
    assert bounded.std() < 0.6 * strong.std()
    assert bounded.std() == pytest.approx(denoised(7.0, None).std().item(), rel=0.15)
    assert torch.allclose(denoised(7.0, Threshold(0.99, 7.0)), denoised(7.0, None), atol=1e-5)


# -- the switch to another model ----------------------------------------------------------------------------


class Steady(MeanTextUNet):
    """Notes its timesteps."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def forward(self, x: Tensor, timesteps: Tensor, context: object, vector: Tensor | None = None) -> Tensor:
        self.seen.append(timesteps[0].item())
        return super().forward(x, timesteps, context, vector)  # type: ignore[arg-type]


def switched(model: ModelSigmas, at: float, calls: int | None = None) -> tuple[Steady, Steady, list[int]]:
    first, second, asked = Steady(), Steady(), []

    def to() -> tuple[Steady, Guidance, Prediction]:
        asked.append(1)
        return second, Guidance(((1.0, text(5.0)),), text(2.0), 4.0), "epsilon"

    guidance = Guidance(((1.0, text(3.0)),), text(1.0), 1.0)
    denoiser = GuidedDenoiser(first, model, guidance, switch=Switch(at, to, calls))  # type: ignore[arg-type]
    noise = PictureNoise((4, 8, 8), [Seeds(1)], CPU)
    sample(denoiser, noise, *resolve("Euler", "Uniform"), 10)
    return first, second, asked


def test_the_refiner_takes_over_at_its_share_of_the_timesteps(model: ModelSigmas) -> None:
    first, second, asked = switched(model, 0.8)
    assert asked == [1]
    assert [round(t) for t in first.seen] == [999, 888, 777, 666, 555, 444, 333, 222]
    assert [round(t) for t in second.seen] == [111, 0]  # (999 - 111) / 1000 is the first from 0.8 on
    assert first.batches == [1] * 8
    assert second.batches == [2, 2]  # its own guidance, at a scale other than 1


def test_the_refiner_takes_over_at_its_share_of_the_calls(model: ModelSigmas) -> None:
    first, second, _ = switched(model, 0.5, calls=10)
    assert (len(first.seen), len(second.seen)) == (5, 5)


def test_the_refiner_may_take_all_or_nothing(model: ModelSigmas) -> None:
    assert [len(unet.seen) for unet in switched(model, 0.0)[:2]] == [0, 10]
    assert [len(unet.seen) for unet in switched(model, 1.0)[:2]] == [10, 0]
    assert switched(model, 1.0)[2] == []


# -- schedules ----------------------------------------------------------------------------------------------


def test_sdxl_has_its_own_steps_to_align(model: ModelSigmas) -> None:
    sdxl = ModelSigmas(model.sigmas, sdxl=True)
    assert sigmas("align_your_steps", 11, model).tolist() == pytest.approx([*ALIGN_YOUR_STEPS, 0])
    assert sigmas("align_your_steps", 11, sdxl).tolist() == pytest.approx([*ALIGN_YOUR_STEPS_SDXL, 0])


def test_turbo_walks_evenly_from_the_last_timestep(model: ModelSigmas) -> None:
    schedule = sigmas("turbo", 4, model)
    assert model.to_timestep(schedule[:-1]).round().tolist() == [999, 749, 499, 249]


def test_linear_quadratic_is_straight_then_bends_smoothly(model: ModelSigmas) -> None:
    schedule = sigmas("linear_quadratic", 40, model).double()
    share = 1 - (schedule / (1 + schedule)) / (model.maximum / (1 + model.maximum))
    moves = share.diff()
    assert torch.allclose(moves[:20], torch.full((20,), 0.025 / 20, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(moves[20:].diff(), moves[20:].diff().mean().expand(19), atol=1e-6)  # a parabola
    assert moves[20] < 3 * moves[19]
    assert schedule[-1] == 0


def test_custom_sigmas_take_the_place_of_the_schedule(model: ModelSigmas) -> None:
    seen: list[float] = []

    class Noting(GaussianUNet):
        def forward(self, x: Tensor, timesteps: Tensor, *rest: object) -> Tensor:
            seen.append(self.sigmas.to_sigma(timesteps)[0].item())
            return super().forward(x, timesteps, *rest)  # type: ignore[arg-type]

    options = SamplingOptions(custom_sigmas=(14.6, 5, 2, 0.5))
    guidance = Guidance(((1.0, text(0.0)),), text(0.0), 1.0)
    denoiser = GuidedDenoiser(Noting(model), model, guidance)  # type: ignore[arg-type]
    noise = PictureNoise((4, 8, 8), [Seeds(1)], CPU)
    sample(denoiser, noise, *resolve("Euler", "Karras"), 4, sampler_settings(options))
    assert seen == pytest.approx([14.6, 5, 2, 0.5], rel=1e-3)


def test_custom_sigmas_are_interpolated_to_the_steps() -> None:
    assert interpolated((8.0, 2.0, 0.5), 3).tolist() == [8, 2, 0.5, 0]
    assert interpolated((8.0, 2.0, 0.5), 5).tolist() == pytest.approx([8, 4, 2, 1, 0.5, 0])
    assert interpolated((8.0, 2.0, 0.5), 2).tolist() == pytest.approx([8, 0.5, 0])
    assert interpolated((8.0, 2.0, 0.5), 1).tolist() == [8, 0]


# -- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("14.6, 5, 2, 1, 0.5, 0.1", (14.6, 5, 2, 1, 0.5, 0.1)),
        ("14.6 5;2,0", (14.6, 5, 2)),
        (" ", ()),
    ],
)
def test_typed_sigmas(typed: str, expected: tuple[float, ...]) -> None:
    assert parse_sigmas(typed) == expected
    SamplingOptions(custom_sigmas=parse_sigmas(typed))


@pytest.mark.parametrize("typed", ["14, x", "1, 2", "3, 3", "3, -1", "3, nan", "inf, 1", "5"])
def test_bad_sigmas_are_refused(typed: str) -> None:
    with pytest.raises(InvalidField) as caught:
        SamplingOptions(custom_sigmas=parse_sigmas(typed))
    assert caught.value.field == "custom_sigmas"


@pytest.mark.parametrize(
    "options",
    [{"cfg_rescale": 1.5}, {"threshold_percentile": -0.1}, {"noise_schedule": "Zero"}],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidField):
        SamplingOptions(**options)  # type: ignore[arg-type]


def test_zero_terminal_snr_ends_in_noise_alone(model: ModelSigmas) -> None:
    stretched = ModelSigmas(model_sigmas(zero_terminal_snr(alphas_cumprod())))
    assert stretched.maximum > 1000 > model.maximum
    assert stretched.minimum == pytest.approx(model.minimum, rel=1e-3)


def test_preview_methods_of_other_programs_are_understood() -> None:
    assert PreviewSettings(method="Approx NN").method == "Linear"
    assert PreviewSettings(method="TAESD").method == "TAESD"
