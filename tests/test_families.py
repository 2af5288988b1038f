"""Every family of checkpoints, from a file on disk to the numbers: against diffusers and transformers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
pytest.importorskip("transformers")

import diffusers
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from modules.generation.batch import Batch
from modules.generation.conditions import UPSCALER_NOISE_LEVEL, from_picture, without_picture
from modules.generation.guidance import PassPlan, PictureCondition, guidance_for
from modules.generation.image_to_image import image_to_image
from modules.generation.options import TextOptions
from modules.generation.prompting import Prompts
from modules.generation.requests import ImageToImage, TextToImage
from modules.generation.results import Unwatched
from modules.generation.session import Session
from modules.models.conditioning import Conditioning
from modules.models.depth_estimator import input_size
from modules.models.image_encoder import MEAN, STD, resize
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.latent_preview import LatentColours
from modules.models.tensor_names import plain_names
from modules.models.tokenizer import tokenize
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.sampling.predictor import Predictor
from tests import family_models
from tests.family_models import BOS, EOS, UNET, FamilyModel, Text

TOLERANCE = 1e-4
TEXTS = ("a lighthouse at dusk, oil painting", "")


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
    assert (
        (model.image_encoder is not None)
        == (model.noise_augmentation is not None)
        == (case.id == "sd2-unclip")
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
    for i, found in enumerate(
        PromptEncoder(model.texts, torch.device("cpu")).encode(TEXTS, EncodingSettings())
    ):
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
    close(model.vae.encode(pixels) / case.vae.scale, mean)
    cell = model.vae.config.downscale
    latents = torch.randn(1, 4, 48 // cell, 32 // cell, generator=generator)
    decoded = case.parts.vae.decode(latents / case.vae.scale).sample
    close(model.vae.decode(latents), decoded)
    assert decoded.shape[-2:] == (48, 32)


def test_noise_schedule_is_that_of_diffusers(case: FamilyModel, model: LatentDiffusion) -> None:
    scheduler = family_models.noise_scheduler("DDPMScheduler", case.betas)
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
    euler = family_models.noise_scheduler(
        "EulerDiscreteScheduler",
        case.betas,
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
    (found,) = predictor(x, sigma.expand(2), time.float().expand(2), [Conditioning(text, vector, channels)])
    assert (found - expected).abs().max() < TOLERANCE * float(sigma)


# -- what a U-Net is told of a picture ------------------------------------------------------------------------------


@pytest.fixture
def sampled_is_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers draws a picture's latent from the VAE's distribution; ours takes the mean, on purpose."""
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())


def batch_of(model: LatentDiffusion, pictures: int = 2) -> Batch:
    """As much of a batch as the conditions need."""
    batch = SimpleNamespace(
        session=SimpleNamespace(model=model),
        encode=model.vae.encode,
        numbers=range(pictures),
        request=TextToImage(seed=77),
    )
    return cast(Batch, batch)


def told(model: LatentDiffusion, pixels: Tensor, mask: Tensor | None = None) -> PictureCondition:
    return from_picture(batch_of(model, len(pixels)), pixels, model.vae.encode(pixels), mask)


def some_pixels() -> Tensor:
    coarse = torch.rand(2, 3, 8, 10, generator=torch.Generator().manual_seed(5)) * 2 - 1
    return F.interpolate(coarse, size=(64, 80), mode="bilinear")


def parts_of(case: FamilyModel) -> SimpleNamespace:
    """What diffusers' pipelines look for in themselves."""
    pipeline = SimpleNamespace(vae=case.parts.vae, vae_scale_factor=case.vae.downscale)
    encode = diffusers.StableDiffusionInpaintPipeline._encode_vae_image
    pipeline._encode_vae_image = lambda *arguments, **keywords: encode(pipeline, *arguments, **keywords)
    return pipeline


@torch.inference_mode()
def test_pictures_are_told_as_by_diffusers_pipelines(
    case: FamilyModel, model: LatentDiffusion, sampled_is_mean: None
) -> None:
    pixels = some_pixels()
    size = (64 // case.vae.downscale, 80 // case.vae.downscale)
    found = told(model, pixels)
    rest = (2, 64, 80, torch.float32, torch.device("cpu"), None, False)
    if model.family.picture == "inpainting":
        mask = (torch.rand(64, 80, generator=torch.Generator().manual_seed(6)) > 0.5).float()
        expected = torch.cat(
            diffusers.StableDiffusionInpaintPipeline.prepare_mask_latents(
                parts_of(case), mask[None, None], pixels * (mask < 0.5), *rest
            ),
            dim=1,
        )
        found = told(model, pixels, mask)
        assert_blank(case, model)
    elif model.family.picture == "edit":
        # SDXL's editing pipeline does the same (all but CosXL's, whose latents are scaled)
        expected = diffusers.StableDiffusionInstructPix2PixPipeline.prepare_image_latents(
            parts_of(case), pixels, 2, 1, torch.float32, "cpu", False
        )
        assert found.scale == 1.5
    elif model.family.picture == "depth":
        # diffusers squeezes every picture to 384x384 for MiDaS; ours keeps its ratio, as MiDaS' own transform does
        looked_at = F.interpolate(pixels, size=input_size(64, 80), mode="bicubic")
        depth = family_models.depth_network()(looked_at)[:, 0]
        expected = diffusers.StableDiffusionDepth2ImgPipeline.prepare_depth_map(
            parts_of(case), pixels, depth, 2, False, torch.float32, torch.device("cpu")
        )
        assert (expected.amin().item(), expected.amax().item()) == pytest.approx((-1, 1))
    elif model.family.picture == "upscale":
        expected = noisy_small_picture(found, pixels, size)
    else:
        assert found.channels is None
        if model.family.vector == "image":
            close_vector(found, pixels)
        return
    close_channels(found.channels, expected)
    assert expected.shape == (2, case.unet.in_channels - 4, *size)


def assert_blank(case: FamilyModel, model: LatentDiffusion) -> None:
    """From a prompt alone an inpainting model sees a grey picture that is masked everywhere."""
    batch = batch_of(model)
    # the deviation in a group of 32 flat channels is nearly nothing: in float32 there is only rounding to compare
    ours, theirs = copy.deepcopy(model.vae).double(), copy.deepcopy(case.parts.vae).double()
    batch.encode = lambda pixels: ours.encode(pixels.double())  # type: ignore[method-assign]
    found = without_picture(batch, 80, 64).channels
    assert found is not None and bool((found[:, :1] == 1).all())
    grey = theirs.encode(torch.zeros(1, 3, 64, 80).double()).latent_dist.mode()
    close(found[:, 1:] / case.vae.scale, grey)


def close_channels(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    close(found, expected)


def noisy_small_picture(found: PictureCondition, pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """What StableDiffusionUpscalePipeline makes of the small picture, with the same noise.

    diffusers is given the small picture; ours is given one of the wanted size, and makes it smaller as Pillow would.
    """

    def shrunk(channel: Tensor) -> Tensor:
        image = Image.fromarray(channel.numpy()).resize(size[::-1], Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image))

    small = torch.stack([torch.stack([shrunk(channel) for channel in one]) for one in pixels])
    noise = torch.stack(
        [torch.randn(7, *size, generator=torch.Generator().manual_seed(77 + i))[4:] for i in range(2)]
    )
    scheduler = family_models.noise_scheduler("DDPMScheduler", (0.0001, 0.02))
    for vector in (found.vector, found.negative_vector):
        assert vector is not None and vector.tolist() == [20]
    assert UPSCALER_NOISE_LEVEL == 20
    return scheduler.add_noise(small.clamp(-1, 1), noise, torch.tensor([20]))


def close_vector(found: PictureCondition, pixels: Tensor) -> None:
    """unCLIP's vector against StableUnCLIPImg2ImgPipeline.

    diffusers cuts a square out of the picture; ours squeezes it, as the models were trained. At level 0 diffusers adds
    a little noise (0.6 % of a deviation); ours leaves it out, so that a seed gives the same picture everywhere.
    """
    colours = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    mean, std = colours
    seen = family_models.image_tower()(((resize(pixels, 28) + 1) / 2 - mean) / std)
    normalizer = diffusers.pipelines.stable_diffusion.StableUnCLIPImageNormalizer(48)
    normalizer.mean.copy_(torch.linspace(-1, 1, 48)[None])
    normalizer.std.copy_(torch.linspace(0.5, 2, 48)[None])
    pipeline = SimpleNamespace(
        image_normalizer=normalizer,
        image_noising_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    )
    expected = diffusers.StableUnCLIPImg2ImgPipeline.noise_image_embeddings(
        pipeline, seen, 0, torch.zeros_like(seen)
    )
    assert found.vector is not None and found.negative_vector is not None
    close(found.vector, expected)
    assert found.negative_vector.shape == expected.shape and not found.negative_vector.any()


@torch.inference_mode()
def test_numbers_are_told_as_by_diffusers(case: FamilyModel, model: LatentDiffusion) -> None:
    if not case.numbers:
        assert model.family.vector in ("none", "image", "noise level")
        return
    request = TextToImage(prompt="a cat", negative_prompt="a dog", text=TextOptions(sdxl_crop=(8, 16)))
    plan = PassPlan(Prompts("a cat", "a dog"), 1152, 896, 5, 5, 7.0)
    encoder = PromptEncoder(model.texts, torch.device("cpu"))
    guidance = guidance_for(request, plan, encoder, model.family)
    size = (896, 1152)
    for timeline, score, text in ((guidance.positive[0][1], 6.0, "a cat"), (guidance.negative, 2.5, "a dog")):
        refiner = case.id == "sdxl-refiner"
        # the refiner's pipeline sends the score, the base's the target size
        numbers = [*size, 8, 16, score] if refiner else [*size, 8, 16, *size]
        projected = case.parts.unet.add_time_proj(torch.tensor(numbers, dtype=torch.float32)).flatten()
        pooled = encoder.encode((text,), EncodingSettings())[0].vector
        vector = timeline.at(0).vector
        assert pooled is not None and vector is not None
        torch.testing.assert_close(
            vector, torch.cat([pooled, projected[None]], dim=1), atol=TOLERANCE, rtol=0
        )


@torch.inference_mode()
def test_a_picture_is_made_of_a_picture(case: FamilyModel, model: LatentDiffusion) -> None:
    """The whole way, with whatever the family is told."""
    picture = Image.radial_gradient("L").convert("RGB").resize((64, 64))
    session = Session(
        model,
        PromptEncoder(model.texts, torch.device("cpu")),
        LatentColours(torch.zeros(5, 3)),
        pictures=cast(Any, SimpleNamespace(open=lambda name, field: picture)),
    )
    request = ImageToImage(
        prompt="a cat",
        init_images=("it",),
        seed=1,
        steps=2,
        sampler="Euler",
        width=64,
        height=64,
        batch_size=2,
    )
    made = list(image_to_image(request, session, Unwatched()))
    assert [one.image.size for one in made] == [(64, 64), (64, 64)]
    assert all(np.asarray(one.image).std() > 1 for one in made)
    assert made[0].image.tobytes() != made[1].image.tobytes()


# -- other ways to store it ------------------------------------------------------------------------------------------


def test_averages_of_every_family_get_their_names_back(case: FamilyModel) -> None:
    names = [UNET + name for name in case.parts.unet_weights]
    stored = family_models.averaged(dict.fromkeys(names, torch.zeros(0)))
    assert set(plain_names(stored)) == set(names)


FOLDERS = (
    "sd1",
    "sd1-inpainting",
    "sd2",
    "sd2-inpainting",
    "sdxl",
    "sdxl-v",
    "sdxl-refiner",
    "ssd-1b",
    "sd2-x4",
)


@torch.inference_mode()
def test_a_diffusers_folder_gives_the_same_model(
    case: FamilyModel, model: LatentDiffusion, tmp_path: Path
) -> None:
    if case.id not in FOLDERS:
        return
    found = family_models.loaded(case.parts.save_folder(tmp_path / "model"))
    assert (found.family, found.prediction) == (model.family, model.prediction)
    assert torch.equal(found.alphas_cumprod, model.alphas_cumprod)
    for ours, theirs in ((found.unet, model.unet), (found.vae, model.vae)):
        weights, expected = ours.state_dict(), theirs.state_dict()
        assert set(weights) == set(expected)
        assert all(torch.equal(weights[name], expected[name]) for name in expected)
    results = [
        PromptEncoder(towers, torch.device("cpu")).encode(TEXTS, EncodingSettings())
        for towers in (found.texts, model.texts)
    ]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one.tokens, other.tokens, atol=1e-5, rtol=0)
        if other.vector is not None:
            torch.testing.assert_close(one.vector, other.vector, atol=1e-5, rtol=0)
