"""Every family of checkpoints, from a file on disk to the numbers: against diffusers and transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
pytest.importorskip("transformers")

import diffusers
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from modules.generation.batch import Batch
from modules.generation.conditions import UPSCALER_NOISE_LEVEL, from_picture, without_picture
from modules.generation.guidance import PictureCondition
from modules.generation.requests import TextToImage
from modules.generation.results import Unwatched
from modules.generation.session import Session
from modules.models import noise_schedule
from modules.models.conditioning import Conditioning
from modules.models.depth_estimator import input_size
from modules.models.image_encoder import MEAN, STD, resize
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.latent_preview import LatentColours
from modules.models.tokenizer import tokenize
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.sampling.predictor import Predictor
from tests import family_models
from tests.family_models import BOS, EOS, FamilyModel, Text

TOLERANCE = 1e-4
TEXTS = ("a lighthouse at dusk, oil painting", "")
PICTURE_MODELS = ("inpainting", "edit", "pix2pix", "depth", "x4", "unclip")
BY_ID = {model.id: model for model in family_models.ALL}


def close(found: Tensor, expected: Tensor) -> None:
    """Equal within the tolerance, and not all the same, where nothing would be proved."""
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.fixture(scope="module", params=family_models.ALL, ids=lambda model: model.id)
def case(request: pytest.FixtureRequest) -> Iterator[FamilyModel]:
    yield request.param
    request.param.__dict__.pop("parts", None)  # the weights


@pytest.fixture(scope="module")
def model(case: FamilyModel, tmp_path_factory: pytest.TempPathFactory) -> LatentDiffusion:
    """The family's small model, loaded from a file."""
    path = tmp_path_factory.mktemp("family") / "model.safetensors"
    loaded = family_models.loaded(family_models.write(path, case.parts.state()))
    path.unlink()
    return loaded


# -- the networks ---------------------------------------------------------------------------------------------------


def test_a_file_is_recognised(case: FamilyModel, model: LatentDiffusion) -> None:
    assert model.family.name == case.family
    assert (model.unet.config, model.vae.config) == (case.unet, case.vae)
    assert model.prediction == case.prediction
    assert (model.depth is not None) == (case.id == "sd2-depth")
    assert (model.image_encoder is not None) == (model.noise_augmentation is not None) == (
        case.id == "sd2-unclip"
    )


def text_reference(text: Text, encoder: Any) -> tuple[Tensor, Tensor]:
    """What transformers makes of the texts: `[B, 77, width]` as the family takes it, and the pooled vectors."""
    rows = [[BOS, *tokens, EOS] for tokens in tokenize(TEXTS)]
    ids = torch.tensor([row + [text.pad] * (77 - len(row)) for row in rows])
    found = encoder(ids, output_hidden_states=True)
    if not text.penultimate:
        return found.last_hidden_state, found.text_embeds
    hidden = found.hidden_states[-2]
    norm = encoder.get_submodule(
        next(name for name, _ in encoder.named_modules() if name.endswith("final_layer_norm"))
    )
    return norm(hidden) if text.final_norm else hidden, found.text_embeds


@torch.inference_mode()
def test_texts_are_encoded_as_by_transformers(case: FamilyModel, model: LatentDiffusion) -> None:
    expected = [
        text_reference(text, encoder) for text, encoder in zip(case.texts, case.parts.texts, strict=True)
    ]
    hidden = torch.cat([tokens for tokens, _ in expected], dim=-1)
    pooled = [vector for text, (_, vector) in zip(case.texts, expected, strict=True) if text.pooled]
    for i, found in enumerate(PromptEncoder(model.texts, torch.device("cpu")).encode(TEXTS, EncodingSettings())):
        close(found.tokens, hidden[i : i + 1])
        if pooled:
            assert found.vector is not None
            close(found.vector, pooled[0][i : i + 1])
        else:
            assert found.vector is None


def conditioned(case: FamilyModel, generator: torch.Generator) -> tuple[Tensor | None, dict[str, Any]]:
    """The vector for ours, and the same in diffusers' words."""
    config = case.unet
    if case.numbers:
        pooled = torch.randn(2, 160, generator=generator)
        numbers = torch.tensor([case.numbers, case.numbers])
        vector = Conditioning(torch.zeros(1), pooled).with_numbers(case.numbers).vector
        return vector, {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": numbers}}
    if config.classes is not None:
        level = torch.tensor([20, 350])
        return level, {"class_labels": level}
    if config.vector_width is not None:
        vector = torch.randn(2, config.vector_width, generator=generator)
        return vector, {"class_labels": vector}
    return None, {}


@torch.inference_mode()
def test_unet_computes_what_diffusers_computes(case: FamilyModel, model: LatentDiffusion) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, case.unet.in_channels, 16, 24, generator=generator)
    times = torch.tensor([3.0, 801.5])
    text = torch.randn(2, 77, case.unet.context_width, generator=generator)
    vector, theirs = conditioned(case, generator)
    expected = case.parts.unet(x, times, text, **theirs).sample
    close(model.unet(x, times, text, vector), expected)
    close(model.unet(x, times, model.unet.project_context(text), vector), expected)


@torch.inference_mode()
def test_vae_computes_what_diffusers_computes(case: FamilyModel, model: LatentDiffusion) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, 48, 64, generator=generator) * 2 - 1
    mean = case.parts.vae.encode(pixels).latent_dist.mode()
    close(model.vae.encode(pixels), mean * case.vae.scale)
    cell = model.vae.config.downscale
    latents = torch.randn(1, 4, 48 // cell, 32 // cell, generator=generator)
    decoded = case.parts.vae.decode(latents / case.vae.scale).sample
    close(model.vae.decode(latents), decoded)
    assert decoded.shape[-2:] == (48, 32)


def test_noise_schedule_is_that_of_diffusers(case: FamilyModel, model: LatentDiffusion) -> None:
    low, high = case.betas
    scheduler = diffusers.DDPMScheduler(beta_schedule="scaled_linear", beta_start=low, beta_end=high)
    expected = scheduler.alphas_cumprod
    if case.zero_terminal_snr:
        expected = torch.cumprod(1 - rescale_zero_terminal_snr(scheduler.betas), dim=0)
        assert expected[-1] == 0 < model.alphas_cumprod[-1] < 1e-7  # zero would make its sigma infinite
    torch.testing.assert_close(model.alphas_cumprod, expected, atol=1e-6, rtol=0)
    assert model.alphas_cumprod.dtype == torch.float32


@torch.inference_mode()
def test_a_step_computes_what_diffusers_computes(case: FamilyModel, model: LatentDiffusion) -> None:
    """Scaling, prediction and the place of the extra channels: `Predictor` against diffusers' Euler scheduler."""
    generator = torch.Generator().manual_seed(1)
    low, high = case.betas
    euler = diffusers.EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        beta_start=low,
        beta_end=high,
        timestep_spacing="leading",
        prediction_type={"epsilon": "epsilon", "v": "v_prediction"}[case.prediction],
        rescale_betas_zero_snr=case.zero_terminal_snr,
    )
    euler.set_timesteps(10)
    step = 4
    time, sigma = euler.timesteps[step], euler.sigmas[step]
    x = torch.randn(2, 4, 16, 16, generator=generator) * sigma
    more = case.unet.in_channels - 4
    channels = torch.randn(1, more, 16, 16, generator=generator) if more else None
    text = torch.randn(1, 77, case.unet.context_width, generator=generator)
    vector, theirs = conditioned(case, generator)
    euler._step_index = step
    scaled = euler.scale_model_input(x, time)
    whole = scaled if channels is None else torch.cat([scaled, channels.expand(2, -1, -1, -1)], dim=1)
    output = case.parts.unet(whole, time, text.expand(2, -1, -1), **theirs).sample
    expected = euler.step(output, time, x).pred_original_sample
    predictor = Predictor(model.unet, model.prediction)
    (found,) = predictor(
        x, sigma.expand(2), time.float().expand(2), [Conditioning(text, vector, channels)]
    )
    assert (found - expected).abs().max() < TOLERANCE * float(sigma)
