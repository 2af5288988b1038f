"""Samplers, schedules and noise under the older UI's names, on the starter model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from modules.app import Application
from modules.generation.engine import check
from modules.generation.requests import TextToImage
from modules.generation.results import Unwatched
from modules.sampling import catalogue
from tests.compat_support import open_house
from tests.server import checkpoint

samplers: Any = import_module("modules.sd_samplers")
common: Any = import_module("modules.sd_samplers_common")
kdiffusion: Any = import_module("modules.sd_samplers_kdiffusion")
schedulers: Any = import_module("modules.sd_schedulers")
parser: Any = import_module("modules.prompt_parser")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    checkpoint()
    with open_house(tmp_path_factory.mktemp("house")) as application:
        application.models.get("starter.safetensors")
        yield application


@pytest.fixture(autouse=True)
def tables_as_before() -> Iterator[None]:
    of_samplers, of_schedulers = list(samplers.all_samplers), list(schedulers.schedulers)
    yield
    samplers.all_samplers[:] = of_samplers
    schedulers.schedulers[:] = of_schedulers
    assert (
        catalogue.all_samplers() == catalogue.SAMPLERS and catalogue.all_schedulers() == catalogue.SCHEDULERS
    )


def _p(**more: Any) -> SimpleNamespace:
    values = {
        "steps": 6,
        "cfg_scale": 5.0,
        "scheduler": "Automatic",
        "seeds": [3, 4],
        "sampler_name": "Euler a",
    }
    return SimpleNamespace(**(values | more))


def _made(house: Application, **changes: Any) -> np.ndarray[Any, Any]:
    request = TextToImage(
        prompt="a red boat", width=128, height=128, steps=6, cfg_scale=5, seed=3, save=False
    )
    request = check(replace(request, checkpoint="starter.safetensors", **changes), house.models)  # type: ignore[assignment]
    return np.asarray(next(iter(house.engine.run(request, Unwatched()))).image).astype(float)


def test_the_lists_are_those_of_the_table() -> None:
    assert samplers.visible_sampler_names() == [line.name for line in catalogue.SAMPLERS]
    assert (
        samplers.samplers_map["k_euler_a"] == "Euler a" and samplers.all_samplers_map["Euler"].name == "Euler"
    )
    assert samplers.samplers == samplers.samplers_for_img2img == list(samplers.all_samplers)
    euler = samplers.find_sampler_config("k_euler")
    assert euler.name == "Euler" and euler.total_steps(5) == 5 and samplers.find_sampler_config("no") is None
    assert samplers.find_sampler_config("Heun").total_steps(5) == 10
    assert samplers.get_sampler_and_scheduler("DPM++ 2M Karras", None) == ("DPM++ 2M", "Automatic")
    assert samplers.get_sampler_and_scheduler("Euler", "Karras") == ("Euler", "Karras")
    p = _p(sampler_name="DPM++ 2M Karras")
    samplers.fix_p_invalid_sampler_and_scheduler(p)
    assert (p.sampler_name, p.scheduler) == ("DPM++ 2M", "Karras")
    assert samplers.get_hr_sampler_and_scheduler({"Sampler": "Euler"}) == (
        "Use same sampler",
        "Use same scheduler",
    )
    assert "Euler" in kdiffusion.k_diffusion_samplers_map
    compvis = import_module("modules.sd_samplers_compvis").VanillaStableDiffusionSampler
    assert isinstance(compvis, type)
    assert common.setup_img2img_steps(_p(steps=20, denoising_strength=0.5)) == (20, 10)
    assert common.setup_img2img_steps(_p(steps=20, denoising_strength=0.5), steps=10) == (20, 9)


def test_an_extensions_sampler_makes_pictures(house: Application) -> None:
    seen: list[Any] = []

    def sample_mine(model: Any, x: Any, sigmas: Any, extra_args: Any = None, callback: Any = None,
                    disable: Any = None, s_noise: float = 1.0) -> Any:  # fmt: skip
        extra_args = {} if extra_args is None else extra_args
        ones = x.new_ones([x.shape[0]])
        seen.append(model.inner_model.sigmas.shape)
        for i in range(len(sigmas) - 1):
            denoised = model(x, sigmas[i] * ones, **extra_args)
            if callback is not None:
                callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
            x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        return x

    def constructor(model: Any, function: Any = sample_mine) -> Any:
        return kdiffusion.KDiffusionSampler(function, model)

    before = _made(house, sampler="Euler", scheduler="Karras")
    samplers.all_samplers.append(common.SamplerData("Mine", constructor, ["k_mine"], {"scheduler": "karras"}))
    assert "Mine" in samplers.visible_sampler_names() and samplers.samplers_map["k_mine"] == "Mine"
    assert catalogue.resolve("k_mine", "Automatic")[0].schedule == "Karras"
    assert np.abs(_made(house, sampler="Mine") - before).max() <= 1
    assert seen == [(1000,)]
    catalogue.extend([], [])  # as the plugin manager does
    import_module("modules.sampling_tables").publish()
    assert catalogue.resolve("Mine", "Automatic")[0].name == "Mine"
    samplers.add_sampler(common.SamplerData("Broken", lambda model: 1 / 0, [], {}))
    assert "Broken" not in [line.name for line in catalogue.all_samplers()]


def test_a_failing_sampler_names_its_extension(house: Application) -> None:
    def bad(model: Any, x: Any, sigmas: Any) -> Any:
        raise ValueError("no")

    samplers.add_sampler(
        common.SamplerData("Bad", lambda model: kdiffusion.KDiffusionSampler(bad, model), [], {})
    )
    with pytest.raises(Exception, match="Bad"):
        _made(house, sampler="Bad")


def test_an_extensions_schedule_makes_pictures(house: Application) -> None:
    def falling(n: int, sigma_min: float, sigma_max: float, inner_model: Any, device: Any) -> Any:
        assert inner_model.sigmas.shape == (1000,)
        return torch.cat([torch.linspace(sigma_max, sigma_min, n), torch.zeros(1)]).to(device)

    schedulers.schedulers.append(schedulers.Scheduler("falling", "Falling", falling, need_inner_model=True))
    assert schedulers.schedulers_map["Falling"].function is falling
    assert np.abs(_made(house, scheduler="Falling") - _made(house)).mean() > 1


def test_the_programs_schedules_are_functions() -> None:
    for each in schedulers.schedulers[1:]:
        sigmas = each.function(
            n=8, sigma_min=0.03, sigma_max=14.6, inner_model=None, device=torch.device("cpu")
        )
        # KL Optimal ends with the smallest sigma
        assert sigmas[-1] < 0.031 and bool((sigmas[1:] < sigmas[:-1]).all()), each.name
    assert schedulers.kl_optimal(8, 0.03, 14.6).shape == (9,)


def test_a_sampler_of_ones_own_gives_what_a_job_gives(house: Application) -> None:
    model = import_module("modules.sd_models").model_data.get_sd_model()
    rng = import_module("modules.rng").ImageRNG((4, 16, 16), [3])
    p = _p(seeds=[3], rng=rng, sampler_name="Euler a")
    prompts = parser.SdConditioning(["a red boat"], width=128, height=128)
    cond = parser.get_multicond_learned_conditioning(model, prompts, p.steps)
    uncond = parser.get_learned_conditioning(model, parser.SdConditioning([""], True, 128, 128), p.steps)
    sampler = samplers.create_sampler("Euler a", model)
    assert sampler.config.name == "Euler a"
    latents = sampler.sample(p, rng.next(), cond, uncond, image_conditioning=torch.zeros(1, 5, 1, 1))
    picture = np.asarray(common.sample_to_image(latents, 0, approximation=0)).astype(float)
    assert np.abs(picture - _made(house, sampler="Euler a")).max() <= 2
    latents += 0  # it may be changed
    again = sampler.sample_img2img(
        _p(seeds=[3], denoising_strength=0.5, rng=rng), latents, torch.randn_like(latents), cond, uncond
    )
    assert again.shape == latents.shape and sampler.last_latent is again
    denoiser = kdiffusion.CFGDenoiserKDiffusion(sampler)
    sigma = torch.tensor([2.0])
    tensors = (parser.reconstruct_cond_batch(uncond, 0), parser.reconstruct_multicond_batch(cond, 0)[1])
    guided = denoiser(latents, sigma, tensors[0], tensors[1], 5.0)
    assert torch.equal(guided, kdiffusion.CFGDenoiserKDiffusion(sampler)(latents, sigma, uncond, cond, 5.0))
    assert denoiser.step == 1 and sampler.get_sigmas(p, 6).shape == (7,)


def test_conditionings_over_the_steps(house: Application) -> None:
    model = import_module("modules.sd_models").model_data.get_sd_model()
    first, second = parser.get_learned_conditioning(model, ["a [cat:dog:0.5]", "sea " * 80], 10)
    assert [each.end_at_step for each in first] == [5, 10] and [each.end_at_step for each in second] == [10]
    batch = parser.reconstruct_cond_batch([first, second], 3)
    assert batch.shape[:2] == (2, 154) and torch.equal(batch[0, :77], first[0].cond)
    assert torch.equal(batch[0, 77], first[0].cond[-1])
    assert torch.equal(parser.reconstruct_cond_batch([first], 7)[0], first[1].cond)
    multi = parser.get_multicond_learned_conditioning(model, ["a AND b :0.5", "c"], 10)
    places, rows = parser.reconstruct_multicond_batch(multi, 0)
    assert places == [[(0, 1.0), (1, 0.5)], [(2, 1.0)]] and rows.shape[0] == 3


def test_noise_is_that_of_the_seeds(house: Application) -> None:
    rng = import_module("modules.rng")
    noise = rng.ImageRNG((4, 16, 16), [3, 4])
    first = noise.next()
    assert torch.equal(first[1], torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(4)))
    assert not torch.equal(noise.next(), first)
    assert torch.equal(rng.randn_local(3, (4, 16, 16)), first[0])
    assert torch.equal(rng.randn(3, (4, 16, 16)), first[0]) and rng.randn_without_seed((2,)).shape == (2,)
    varied = rng.ImageRNG((4, 16, 16), [3], [4], 0.5).first()[0]
    assert torch.allclose(varied, rng.slerp(0.5, first[0], first[1]))
    assert rng.ImageRNG((4, 16, 16), [3], seed_resize_from_h=64, seed_resize_from_w=64).first().shape == (
        1,
        4,
        16,
        16,
    )
    assert import_module("modules.rng_philox").Generator(1).randn((2, 3)).shape == (2, 3)
