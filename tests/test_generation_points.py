"""The places where a generation can be looked into and changed: when they come, and that what comes back counts."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from modules.faults import NotSupported
from modules.generation.hooks import PassInfo
from modules.generation.requests import (
    HiresFix,
    ImageToImage,
    Mask,
    PictureOptions,
)
from modules.models.unet import UNet
from modules.sampling.denoiser import ModelCall
from tests.recording_hooks import Changing, Maker, Recording, same, values

BEGUN = ["networks_applied", "conditioning", "starting"]
CALL = ["model_call", "predicted", "denoised"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def inpainting(make: Maker) -> ImageToImage:
    def kept(values: np.ndarray) -> str:
        file = BytesIO()
        Image.fromarray(values).save(file, "PNG")
        return make.inputs.put(file.getvalue())

    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 255
    return ImageToImage(
        prompt="a cat",
        seed=5,
        steps=4,
        sampler="Euler",
        width=64,
        height=48,
        denoising_strength=0.5,
        init_images=(kept(picture),),
        mask=Mask(image=kept(mask), blur_x=0, blur_y=0),
        picture=PictureOptions(extra_noise=0.5),
        save=False,
    )


# -- when they come -----------------------------------------------------------------------------------------


def test_the_order_for_pictures_from_a_prompt(make: Maker) -> None:
    hooks = Recording()
    pictures = make(hooks)
    each = ["before_overlay", "picture"]
    assert hooks.calls == [*BEGUN, *[*CALL, "step"] * 2, "sampled", "decoded", *each, *each]
    assert set(hooks.stages) == {"first"}
    assert same(pictures, make())  # listening alone changes nothing


def test_those_that_nobody_listens_to_are_not_called(make: Maker) -> None:
    class Deaf(Recording):
        changes_model_calls = changes_mask_blends = changes_decoded = changes_denoised = False
        changes_pictures = False

    hooks = Deaf()
    make(hooks)
    assert hooks.calls == [*BEGUN, "step", "step", "sampled"]


def test_one_can_begin_to_listen_within_a_pass(make: Maker) -> None:
    class Late(Recording):
        changes_model_calls = False

        def starting(self, latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
            self.changes_model_calls = True
            return latents

    hooks = Late()
    make(hooks)
    assert hooks.calls.count("model_call") == 2


def test_the_order_for_hires_fix(make: Maker) -> None:
    hooks = Recording()
    hires = HiresFix(scale=2, upscaler="Lanczos", steps=1, denoising_strength=0.5, prompt="a dog")
    pictures = make(hooks, hires=hires, batch_size=1)
    first = [*BEGUN, *[*CALL, "step"] * 2, "sampled"]
    second = ["before_second_pass", *BEGUN, *CALL, "step", "sampled"]
    assert hooks.calls == [*first, *second, "decoded", "before_overlay", "picture"]
    assert hooks.stages == ["first"] * len(first) + ["second"] * (len(second) + 1)
    about = hooks.given["before_second_pass.about"]
    assert (about.width, about.height, about.prompts.prompt) == (128, 96, "a dog")
    assert hooks.given["decoded.about"] == about
    assert same(pictures, make(hires=hires, batch_size=1))


def test_the_order_for_inpainting(make: Maker, inpainting: ImageToImage) -> None:
    hooks = Recording()
    pictures = make(hooks, inpainting)
    begun = [*BEGUN[:2], "extra_noise", "starting"]
    done = ["mask_blended", "sampled", "decoded", "before_overlay", "overlay", "picture"]
    assert hooks.calls == [*begun, *[*CALL, "mask_blended", "step"] * 3, *done]
    *within, last = hooks.given["mask_blended.at"]
    assert [at.number for at in within] == [0, 1, 2] and all(at.sigma > 0 for at in within)
    assert (last.number, last.sigma) == (3, 0)
    assert same(pictures, make(request=inpainting))


def test_a_mask_is_blended_before_the_call_of_a_sampler_over_timesteps(
    make: Maker, inpainting: ImageToImage
) -> None:
    hooks = Recording()
    pictures = make(hooks, inpainting, sampler="DDIM")
    calls = hooks.calls[hooks.calls.index("starting") + 1 :]
    assert calls[:4] == ["mask_blended", *CALL]
    assert calls.count("mask_blended") == calls.count("model_call") + 1
    assert same(pictures, make(request=inpainting, sampler="DDIM"))


def test_a_pass_without_steps_is_sampled_too(make: Maker, inpainting: ImageToImage) -> None:
    hooks = Recording()
    options = PictureOptions(exact_steps=True)
    make(hooks, inpainting, denoising_strength=0, picture=options)
    assert hooks.calls == ["sampled", "decoded", "before_overlay", "overlay", "picture"]
    assert hooks.given["sampled.about"].calls == 0
    hooks = Recording()
    make(hooks, hires=HiresFix(denoising_strength=0), batch_size=1)
    assert hooks.calls[-5:] == ["before_second_pass", "sampled", "decoded", "before_overlay", "picture"]


def test_halves_of_a_batch_are_sampled_as_one(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = UNet.forward

    def limited(unet: UNet, x: Tensor, *others: Tensor) -> Tensor:
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(unet, x, *others)

    monkeypatch.setattr(UNet, "forward", limited)
    hooks = Recording()
    make(hooks)
    assert [hooks.calls.count(name) for name in ("networks_applied", "sampled", "starting")] == [1, 1, 3]
    assert len(hooks.given["sampled.latents"]) == 2
    assert hooks.given["starting.about"].numbers == range(1, 2)


# -- what they get ------------------------------------------------------------------------------------------


def test_latents_and_noise_that_sampling_begins_with(make: Maker, inpainting: ImageToImage) -> None:
    hooks = Recording()
    make(hooks)
    noise = hooks.given["starting.noise"]
    assert torch.equal(noise[0], torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(5)))
    sigma = hooks.given["starting.latents"][0, 0, 0, 0] / noise[0, 0, 0, 0]
    torch.testing.assert_close(hooks.given["starting.latents"], noise * sigma)
    assert 14 < sigma < 15
    hooks = Recording()
    make(hooks, inpainting)
    picture, begun = hooks.given["extra_noise.latents"], hooks.given["starting.latents"]
    first = hooks.given["mask_blended.at"][0]
    torch.testing.assert_close(begun, picture + hooks.given["starting.noise"] * (first.sigma + 0.5))
    assert torch.equal(hooks.given["extra_noise.noise"], hooks.given["starting.noise"])


def test_predictions_and_the_blend(make: Maker, inpainting: ImageToImage) -> None:
    hooks = Recording()
    make(hooks, prompt="a cat AND a dog")
    assert len(hooks.given["model_call.call"].positive) == 2
    assert [tuple(each.shape) for each in hooks.given["predicted.predictions"]] == [(2, 4, 6, 8)] * 3
    hooks = Recording()
    make(hooks, cfg_scale=1)
    assert len(hooks.given["predicted.predictions"]) == 1
    hooks = Recording()
    make(hooks, inpainting)
    made, blended = hooks.given["mask_blended.made"], hooks.given["mask_blended.blended"]
    mask = hooks.given["mask_blended.mask"]
    assert torch.equal(blended[..., 4:], made[..., 4:])
    assert torch.equal(blended[..., :4], mask.original[..., :4].expand_as(blended[..., :4]))


def test_decoded_pictures_are_those_that_come_out(make: Maker) -> None:
    hooks = Recording()
    pictures = make(hooks)
    pixels = hooks.given["decoded.pixels"]
    assert pixels.shape == (2, 3, 48, 64) and pixels.min() >= 0 and pixels.max() <= 1
    shown = (pixels * 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert all((values(picture) == one).all() for picture, one in zip(pictures, shown, strict=True))


# -- what comes back counts ---------------------------------------------------------------------------------


def test_another_noise_to_start_with_is_another_seed(make: Maker) -> None:
    other = torch.stack(
        [torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(seed)) for seed in (90, 91)]
    )

    def starting(latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
        return other * (latents[0, 0, 0, 0] / noise[0, 0, 0, 0])

    for mine, wanted in zip(make(Changing(starting=starting)), make(seed=90), strict=True):
        assert np.abs(values(mine) - values(wanted)).max() <= 1
    over_timesteps = make(Changing(starting=lambda latents, noise, about: other), sampler="DDIM")
    for mine, wanted in zip(over_timesteps, make(seed=90, sampler="DDIM"), strict=True):
        assert (values(mine) == values(wanted)).all()


def test_other_extra_noise_takes_the_place_of_it(make: Maker, inpainting: ImageToImage) -> None:
    for sampler in ("Euler", "DDIM"):
        none = make(request=inpainting, picture=PictureOptions(), sampler=sampler)
        some = make(request=inpainting, sampler=sampler)
        without = make(
            Changing(extra_noise=lambda noise, latents, about: noise.zero_()), inpainting, sampler=sampler
        )
        assert np.abs(values(without[0]) - values(none[0])).max() <= 1
        assert np.abs(values(some[0]) - values(none[0])).max() > 1


def test_predictions_make_the_guidance(make: Maker) -> None:
    """The negative's guess set to the positive's is guidance of any scale that has no effect: a scale of 1."""

    def alike(predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        return [predictions[0], predictions[0]]

    for mine, wanted in zip(make(Changing(predicted=alike)), make(cfg_scale=1), strict=True):
        assert np.abs(values(mine) - values(wanted)).max() <= 1
    assert not same(make(), make(cfg_scale=1))


def test_the_model_is_asked_what_comes_back(make: Maker) -> None:
    swapped = make(
        Changing(
            model_call=lambda call, about: replace(call, positive=(call.negative,), negative=call.positive[0])
        ),
        negative_prompt="a dog",
    )
    for mine, wanted in zip(swapped, make(prompt="a dog", negative_prompt="a cat"), strict=True):
        assert np.abs(values(mine) - values(wanted)).max() <= 1
    noted: list[Tensor] = []

    def predicted(predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        noted.append(call.latents)
        return predictions

    zeros = Changing(
        model_call=lambda call, about: replace(call, latents=torch.zeros_like(call.latents)),
        predicted=predicted,
    )
    make(zeros)
    assert len(noted) == 2 and not any(each.any() for each in noted)


def test_new_texts_in_every_call_are_not_mixed_up(make: Maker) -> None:
    """A tensor that lives for one call only has an address that comes again."""
    noted: list[Tensor] = []

    def model_call(call: ModelCall, about: PassInfo) -> ModelCall:
        text, sigma = call.positive[0], torch.ones_like(call.sigma)
        positive = (text.with_tokens(text.tokens * (call.number % 2)),)
        return replace(call, latents=torch.ones_like(call.latents), sigma=sigma, positive=positive)

    def predicted(predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        noted.append(predictions[0])
        return predictions

    make(Changing(model_call=model_call, predicted=predicted), steps=6)
    even, odd = noted[::2], noted[1::2]
    assert all(torch.equal(each, even[0]) for each in even)
    assert all(torch.equal(each, odd[0]) for each in odd) and not torch.equal(even[0], odd[0])


def test_a_blend_that_is_undone_makes_all_anew(make: Maker, inpainting: ImageToImage) -> None:
    undone = Changing(mask_blended=lambda blended, made, at, mask: made)
    whole = make(request=inpainting, mask=None)
    options = replace(inpainting.picture, overlay=False)
    mine = make(undone, inpainting, picture=options)
    assert (values(mine[0]) == values(whole[0])).all()


def test_sampled_latents_are_what_is_decoded(make: Maker) -> None:
    turned = make(Changing(sampled=lambda latents, about: latents.flip(0)))
    first, second = make()
    assert (values(turned[0]) == values(second)).all() and (values(turned[1]) == values(first)).all()
    with pytest.raises(NotSupported, match="another number of pictures"):
        make(Changing(sampled=lambda latents, about: latents[:1]))


def test_in_place_changes_are_possible(make: Maker) -> None:
    twice = make(Changing(sampled=lambda latents, about: latents.mul_(2)))
    assert same(twice, make(Changing(sampled=lambda latents, about: latents * 2)))


def test_decoded_pictures_are_made_into_the_result(make: Maker) -> None:
    inverted = make(Changing(decoded=lambda pixels, about: 1 - pixels))
    for mine, plain in zip(inverted, make(), strict=True):
        assert np.abs(values(mine) + values(plain) - 255).max() <= 1
    with pytest.raises(NotSupported, match="another number of pictures"):
        make(Changing(decoded=lambda pixels, about: pixels[:1]))


def test_a_picture_is_changed_before_the_original_is_laid_over_it(
    make: Maker, inpainting: ImageToImage
) -> None:
    plain = values(make(request=inpainting)[0])
    inverted = Changing(before_overlay=lambda image, request, number: ImageOps.invert(image))
    mine = values(make(inverted, inpainting)[0])
    assert (mine[:, 32:] == 255 - plain[:, 32:]).all() and (mine[:, :32] == plain[:, :32]).all()


def test_the_overlay_is_what_comes_back(make: Maker, inpainting: ImageToImage) -> None:
    hooks = Recording()
    plain = values(make(hooks, inpainting)[0])
    mask, original = hooks.given["overlay.mask"], hooks.given["overlay.original"]
    assert (mask.mode, original.mode) == ("L", "RGBA")
    assert np.asarray(mask)[0, [0, 63]].tolist() == [0, 255]
    assert (np.asarray(original)[:, :32, :3] == plain[:, :32]).all()
    green = Image.new("RGBA", original.size, (0, 255, 0, 255))
    covered = make(Changing(overlay=lambda mask, original, request, number: (mask, green)), inpainting)
    assert (values(covered[0]) == (0, 255, 0)).all()
    keep_all = Image.new("L", mask.size, 0)
    kept = make(Changing(overlay=lambda mask, original, request, number: (keep_all, original)), inpainting)
    assert (values(kept[0])[:, :32] == plain[:, :32]).all()
    assert (values(kept[0])[:, 32:] != plain[:, 32:]).any()
