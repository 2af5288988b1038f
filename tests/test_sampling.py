"""Schedules, noise, guidance and samplers, without any real model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modules.faults import UnknownName
from modules.models.conditioning import Conditioning
from modules.models.noise_schedule import alphas_cumprod
from modules.models.noise_schedule import sigmas as model_sigmas
from modules.models.unet import ProjectedContext
from modules.models.unet_layers import KeysValues
from modules.sampling.catalogue import SAMPLERS, SCHEDULERS, effective_schedule, resolve
from modules.sampling.denoiser import Guidance, GuidedDenoiser, TextTimeline
from modules.sampling.noise import PictureNoise, Seeds, slerp
from modules.sampling.philox import PhiloxGenerator
from modules.sampling.sample import SamplerSettings, Stopped, sample
from modules.sampling.schedules import ModelSigmas, sigmas
from tests.reference import reference_json

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> ModelSigmas:
    return ModelSigmas(model_sigmas(alphas_cumprod()))


# -- schedules ----------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_schedules_are_those_of_the_reference(model: ModelSigmas) -> None:
    data = reference_json("schedules.json")
    assert model.minimum == pytest.approx(data["sigma_min"], abs=1e-7)
    assert model.maximum == pytest.approx(data["sigma_max"], abs=1e-5)
    for entry in data["schedules"]:
        if "sigmas" in entry:
            assert sigmas(entry["name"], entry["steps"], model).tolist() == pytest.approx(
                entry["sigmas"], abs=1e-4
            )


def test_model_sigmas_are_the_published_ones(model: ModelSigmas) -> None:
    assert model.minimum == pytest.approx(0.0292, abs=1e-4)
    assert model.maximum == pytest.approx(14.6146, abs=1e-4)


def test_timesteps_and_sigmas_are_inverse(model: ModelSigmas) -> None:
    timesteps = torch.tensor([0.0, 0.25, 17.5, 500.0, 998.75, 999.0])
    assert torch.allclose(model.to_timestep(model.to_sigma(timesteps)), timesteps, atol=2e-2)
    outside = model.to_timestep(torch.tensor([1e-4, 100.0]))
    assert outside.tolist() == [0.0, 999.0]


@pytest.mark.parametrize("name", [s.name for s in SCHEDULERS if s.name != "automatic"])
@pytest.mark.parametrize("steps", [1, 2, 20, 150])
def test_every_schedule_falls(name: str, steps: int, model: ModelSigmas) -> None:
    schedule = sigmas(name, steps, model)
    assert torch.isfinite(schedule).all()
    assert (schedule[1:] < schedule[:-1]).all()
    assert len(schedule) == steps + 1 or name == "ddim"


def test_discarding_the_next_to_last_sigma_keeps_the_length(model: ModelSigmas) -> None:
    whole = sigmas("karras", 11, model)
    assert sigmas("karras", 10, model, discard_next_to_last=True).tolist() == [*whole[:-2].tolist(), 0.0]


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "scheduler", "expected"),
    [
        ("DPM++ 2M Karras", "Automatic", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE SGMUniform", "Automatic", ("DPM++ 2M SDE", "SGM Uniform")),
        ("k_euler_a", "karras", ("Euler a", "Karras")),
        ("dpm++ 2m sde heun", "Automatic", ("DPM++ 2M SDE Heun", "Automatic")),
        ("DPM++ 2M Karras", "Exponential", ("DPM++ 2M", "Exponential")),
        ("LMS Karras", "Automatic", ("LMS", "Karras")),
    ],
)
def test_names_of_samplers(sampler: str, scheduler: str, expected: tuple[str, str]) -> None:
    found, schedule = resolve(sampler, scheduler)
    assert (found.name, schedule.label) == expected


@pytest.mark.parametrize(
    ("sampler", "scheduler", "field"),
    [
        ("Eular", "Automatic", "sampler_name"),
        ("Euler", "Karas", "scheduler"),
        ("Karras", "Automatic", "sampler_name"),
    ],
)
def test_unknown_names_say_what_there_is(sampler: str, scheduler: str, field: str) -> None:
    with pytest.raises(UnknownName, match=r"There are .*(Euler|Karras)") as caught:
        resolve(sampler, scheduler)
    assert caught.value.field == field


# -- noise --------------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_philox_is_that_of_the_reference() -> None:
    data = reference_json("philox.json")
    generator = PhiloxGenerator(42)
    first, second = generator.randn((2, 3)), generator.randn((2,))
    expected = [x for row in data["philox_seed42_shape_2x3"] for x in row]
    assert first.flatten().tolist() == pytest.approx(expected, abs=1e-5)
    assert second.tolist() == pytest.approx(data["philox_seed42_second_2"], abs=1e-5)
    other = PhiloxGenerator(1234567890).randn((8,)).tolist()
    assert other == pytest.approx(data["philox_seed_1234567890_8"], abs=1e-5)


def noise_of(*seeds: int, **options: object) -> PictureNoise:
    return PictureNoise((4, 8, 6), [Seeds(seed) for seed in seeds], CPU, **options)  # type: ignore[arg-type]


def test_a_picture_has_the_same_noise_alone_and_in_a_batch() -> None:
    batch = noise_of(5, 6, 7)
    first, second = batch.first(), batch.next()
    for i, seed in enumerate((5, 6, 7)):
        alone = noise_of(seed)
        assert torch.equal(alone.first()[0], first[i])
        assert torch.equal(alone.next()[0], second[i])


def test_noise_is_that_of_torchs_cpu_generator() -> None:
    expected = torch.randn((4, 8, 6), generator=torch.Generator().manual_seed(42))
    assert torch.equal(noise_of(42).first()[0], expected)


def test_seed_delta_restarts_the_generators_after_the_first_noise() -> None:
    noise = noise_of(5, seed_delta=31337)
    assert torch.equal(noise.first(), noise_of(5).first())
    assert torch.equal(noise.next(), noise_of(5 + 31337).first())


def test_variation_moves_from_one_seed_to_the_other() -> None:
    def varied(strength: float) -> Tensor:
        return PictureNoise((4, 8, 6), [Seeds(1, 2, strength)], CPU).first()

    assert torch.equal(varied(0), noise_of(1).first())
    assert torch.allclose(varied(1), noise_of(2).first(), atol=1e-5)
    near, far = (varied(0.1) - varied(0)).norm(), (varied(0.5) - varied(0)).norm()
    assert 0 < near < far
    assert varied(0.5).std() == pytest.approx(1.0, abs=0.15)


def test_slerp_of_equal_tensors_is_that_tensor() -> None:
    x = torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(slerp(0.3, x, x), x)


def test_resizing_a_seed_keeps_its_middle() -> None:
    small = PictureNoise((4, 8, 8), [Seeds(3)], CPU).first()
    large = PictureNoise((4, 12, 16), [Seeds(3)], CPU, resize_from=(8, 8)).first()
    assert torch.equal(large[:, :, 2:10, 4:12], small)
    cropped = PictureNoise((4, 4, 16), [Seeds(3)], CPU, resize_from=(8, 8)).first()
    assert torch.equal(cropped[:, :, :, 4:12], small[:, :, 2:6])


# -- guidance -----------------------------------------------------------------------------------------------


class MeanTextUNet(nn.Module):
    """Predicts, as noise, the mean of the text; notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.batches: list[int] = []

    def project_context(self, context: Tensor) -> ProjectedContext:
        return {"t": [(KeysValues(context[:, None], context[:, None]),)]}

    def forward(
        self, x: Tensor, timesteps: Tensor, context: ProjectedContext, vector: Tensor | None = None
    ) -> Tensor:
        self.batches.append(len(x))
        return context["t"][0][0].keys.mean(dim=(1, 2, 3))[:, None, None, None].expand_as(x)


def text(value: float, tokens: int = 77) -> TextTimeline:
    return TextTimeline(((1000, Conditioning(torch.full((1, tokens, 4), value))),))


def predicted(
    guidance: Guidance, model: ModelSigmas, calls: int = 1, sigma: float = 1.0
) -> tuple[float, list[int]]:
    """The noise that the guided prediction amounts to in the last of the calls, and the batches of the U-Net."""
    unet = MeanTextUNet()
    denoiser = GuidedDenoiser(unet, model, guidance)  # type: ignore[arg-type]
    x = torch.zeros(2, 4, 8, 8)
    for _ in range(calls):
        unet.batches.clear()
        denoised = denoiser(x, torch.full((2,), sigma))
    return -denoised.mean().item() / sigma, unet.batches


def test_guidance_is_negative_plus_scaled_difference(model: ModelSigmas) -> None:
    value, batches = predicted(Guidance(((1.0, text(3.0)),), text(1.0), 5.0), model)
    assert value == pytest.approx(1 + 5 * (3 - 1))
    assert batches == [4]  # both halves in one call


def test_scale_one_needs_no_negative(model: ModelSigmas) -> None:
    value, batches = predicted(Guidance(((1.0, text(3.0)),), text(1.0), 1.0), model)
    assert value == pytest.approx(3)
    assert batches == [2]


def test_parts_add_up_with_their_weights(model: ModelSigmas) -> None:
    guidance = Guidance(((1.0, text(3.0)), (-0.5, text(2.0))), text(1.0), 4.0)
    value, batches = predicted(guidance, model)
    assert value == pytest.approx(1 + 4 * (3 - 1) - 0.5 * 4 * (2 - 1))
    assert batches == [6]


def test_texts_of_different_length_run_apart(model: ModelSigmas) -> None:
    value, batches = predicted(Guidance(((1.0, text(3.0, 154)),), text(1.0, 77), 5.0), model)
    assert value == pytest.approx(11)
    assert batches == [2, 2]


def test_negative_is_left_out_in_odd_calls_below_the_limit(model: ModelSigmas) -> None:
    guidance = Guidance(((1.0, text(3.0)),), text(1.0), 5.0, skip_negative_below=2.0)
    assert predicted(guidance, model, calls=1) == (pytest.approx(11), [4])
    assert predicted(guidance, model, calls=2) == (pytest.approx(3), [2])
    assert predicted(guidance, model, calls=2, sigma=3.0) == (pytest.approx(11), [4])


def test_timeline_changes_with_the_calls_and_falls_back_to_the_first() -> None:
    timeline = TextTimeline(
        ((2, Conditioning(torch.zeros(1, 77, 4))), (5, Conditioning(torch.ones(1, 77, 4))))
    )
    assert [timeline.at(call).tokens.mean().item() for call in range(8)] == [0, 0, 0, 1, 1, 1, 0, 0]


# -- samplers -----------------------------------------------------------------------------------------------


class GaussianUNet(MeanTextUNet):
    """Predicts the noise exactly for data that is normally distributed around 0.7 with deviation 0.5."""

    MEAN, DEVIATION = 0.7, 0.5

    def __init__(self, model: ModelSigmas) -> None:
        super().__init__()
        self.sigmas = model

    def forward(self, x: Tensor, timesteps: Tensor, context: object, vector: Tensor | None = None) -> Tensor:
        sigma = self.sigmas.to_sigma(timesteps)[:, None, None, None]
        noisy = x * (sigma**2 + 1).sqrt()
        return (noisy - self.MEAN) * sigma / (sigma**2 + self.DEVIATION**2)


def run(name: str, model: ModelSigmas, seeds: tuple[int, ...], steps: int = 20, **options: object) -> Tensor:
    sampler, scheduler = resolve(name, "Automatic")
    guidance = Guidance(((1.0, text(0.0)),), text(0.0), 1.0)
    denoiser = GuidedDenoiser(GaussianUNet(model), model, guidance)  # type: ignore[arg-type]
    noise = PictureNoise((4, 16, 16), [Seeds(seed) for seed in seeds], CPU)
    return sample(denoiser, noise, sampler, scheduler, steps, **options).latents  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [sampler.name for sampler in SAMPLERS if sampler.name != "LCM"])
def test_sampler_draws_from_the_known_distribution(name: str, model: ModelSigmas) -> None:
    latents = run(name, model, (1, 2, 3), steps=80)
    assert latents.mean().item() == pytest.approx(GaussianUNet.MEAN, abs=0.06)
    assert latents.std().item() == pytest.approx(GaussianUNet.DEVIATION, abs=0.08)


@pytest.mark.parametrize("name", [sampler.name for sampler in SAMPLERS if sampler.name != "DPM adaptive"])
def test_sampler_is_repeatable_and_the_same_in_a_batch(name: str, model: ModelSigmas) -> None:
    batch = run(name, model, (1, 2, 3), steps=6)
    assert torch.equal(batch, run(name, model, (1, 2, 3), steps=6))
    for i, seed in enumerate((1, 2, 3)):
        assert torch.allclose(run(name, model, (seed,), steps=6)[0], batch[i], atol=1e-4)


def test_churn_takes_its_noise_from_the_pictures_own_generators(model: ModelSigmas) -> None:
    settings = SamplerSettings(s_churn=10.0)
    batch = run("Euler", model, (1, 2), steps=6, settings=settings)
    assert not torch.allclose(batch, run("Euler", model, (1, 2), steps=6), atol=1e-3)
    assert torch.allclose(run("Euler", model, (2,), steps=6, settings=settings)[0], batch[1], atol=1e-4)


def test_stopping_returns_the_picture_so_far(model: ModelSigmas) -> None:
    seen: list[int] = []

    def on_step(done: int, denoised: Tensor) -> None:
        seen.append(done)
        if done == 3:
            raise Stopped

    sampler, scheduler = resolve("Euler", "Automatic")
    guidance = Guidance(((1.0, text(0.0)),), text(0.0), 1.0)
    denoiser = GuidedDenoiser(GaussianUNet(model), model, guidance)  # type: ignore[arg-type]
    noise = PictureNoise((4, 16, 16), [Seeds(1)], CPU)
    result = sample(denoiser, noise, sampler, scheduler, 20, on_step=on_step)
    assert seen == [1, 2, 3]
    assert not result.complete
    assert result.latents.mean().item() == pytest.approx(GaussianUNet.MEAN, abs=0.1)  # denoised, not noisy


def test_automatic_is_the_samplers_own_schedule() -> None:
    assert effective_schedule(*resolve("DPM++ 2M", "Automatic")).label == "Karras"
    assert effective_schedule(*resolve("DPM++ 2M SDE", "Automatic")).label == "Exponential"
    assert effective_schedule(*resolve("Euler", "Automatic")).label == "Uniform"
    assert effective_schedule(*resolve("Euler", "Karras")).label == "Karras"
