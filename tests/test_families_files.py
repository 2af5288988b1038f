"""What a checkpoint says about itself, and all the ways in which the same model is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
pytest.importorskip("transformers")

from modules.models import noise_schedule
from modules.models.latent_diffusion import LatentDiffusion
from tests import family_models
from tests.family_models import UNET, State

# -- what a file says about itself ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sd2() -> State:
    """An SD2 checkpoint with a U-Net that gives back `output` everywhere: what its output convolution adds."""
    state = family_models.slim(family_models.SD2.parts.state())
    family_models.SD2.__dict__.pop("parts")
    state[f"{UNET}out.2.weight"] = torch.zeros_like(state[f"{UNET}out.2.weight"])
    return state


def load_saying(
    sd2: State,
    folder: Path,
    output: float = 0.5,
    metadata: dict[str, str] | None = None,
    yaml: str = "",
    **marks: Tensor,
) -> LatentDiffusion:
    state = sd2 | {f"{UNET}out.2.bias": torch.full((4,), output)} | marks
    path = family_models.write(folder / "model.safetensors", state, metadata)
    if yaml:
        path.with_suffix(".yaml").write_text(f"model:\n  params:\n{yaml}")
    loaded = family_models.loaded(path)
    path.unlink()
    return loaded


NOISE, VELOCITY = 0.5, -0.9
"""On a latent of 0.5 at the last timestep a U-Net that predicts the noise gives it back; the other the opposite."""


@pytest.mark.parametrize(("output", "expected"), [(NOISE, "epsilon"), (-0.4, "epsilon"), (VELOCITY, "v")])
def test_an_sd2_model_that_says_nothing_is_probed(
    sd2: State, tmp_path: Path, output: float, expected: str
) -> None:
    assert load_saying(sd2, tmp_path, output).prediction == expected


@pytest.mark.parametrize(
    ("metadata", "yaml", "marks", "expected"),
    [
        ({"modelspec.prediction_type": "v"}, "", {}, "v"),
        ({"modelspec.predict_type": "v"}, "", {}, "v"),
        ({"modelspec.prediction_type": "epsilon"}, "", {"v_pred": torch.zeros(0)}, "v"),
        ({"modelspec.prediction_type": "v"}, "    parameterization: eps\n", {}, "epsilon"),
        ({}, "    parameterization: v\n", {}, "v"),
        ({}, "    linear_start: 0.001\n", {}, "epsilon"),
        ({"modelspec.prediction_type": "something"}, "", {}, "epsilon"),
    ],
)
def test_what_a_file_says_goes_before_the_probe(
    sd2: State, tmp_path: Path, metadata: dict[str, str], yaml: str, marks: State, expected: str
) -> None:
    output = NOISE if expected == "v" or "something" in str(metadata) or "start" in yaml else VELOCITY
    assert load_saying(sd2, tmp_path, output, metadata, yaml, **marks).prediction == expected


def test_a_config_beside_says_betas_and_scale(sd2: State, tmp_path: Path) -> None:
    yaml = "    linear_start: 0.0001\n    linear_end: 0.02\n    scale_factor: 0.3\n"
    model = load_saying(sd2, tmp_path, yaml=yaml)
    expected = family_models.noise_scheduler("DDPMScheduler", (0.0001, 0.02))
    torch.testing.assert_close(model.alphas_cumprod, expected.alphas_cumprod, atol=1e-6, rtol=0)
    assert model.vae.config.scale == 0.3


def test_a_files_own_noise_schedule_is_taken(sd2: State, tmp_path: Path) -> None:
    own = noise_schedule.alphas_cumprod(0.001, 0.01)
    assert torch.equal(load_saying(sd2, tmp_path, alphas_cumprod=own).alphas_cumprod, own)
    # the older UI takes a rounded one as it is too: the reference pictures of tiny-sd15 show it
    assert torch.equal(
        load_saying(sd2, tmp_path, alphas_cumprod=own.half()).alphas_cumprod, own.half().float()
    )
    stretched = load_saying(sd2, tmp_path, alphas_cumprod=own, ztsnr=torch.zeros(0)).alphas_cumprod
    assert stretched[-1] < 1e-7 and stretched[0] == pytest.approx(float(own[0]))
    marked = load_saying(sd2, tmp_path, metadata={"ztsnr": "True"}).alphas_cumprod
    assert marked[-1] < 1e-7


# -- the ways in which the same model is stored ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, LatentDiffusion]:
    """An SD1 checkpoint's tensors, and the model that its .safetensors file in float32 gives."""
    state = family_models.slim(family_models.SD1.parts.state())
    family_models.SD1.__dict__.pop("parts")
    path = tmp_path_factory.mktemp("sd1") / "model.safetensors"
    return state, family_models.loaded(family_models.write(path, state))


def weights_of(model: LatentDiffusion) -> State:
    networks = {"unet": model.unet, "vae": model.vae, "text": model.texts[0].encoder}
    return {f"{part}.{name}": w for part, n in networks.items() for name, w in n.state_dict().items()}


def assert_same(
    found: LatentDiffusion, expected: LatentDiffusion, dtype: torch.dtype = torch.float32
) -> None:
    """The same model, with its weights as they are after storage in `dtype`."""
    assert (found.family, found.prediction) == (expected.family, expected.prediction)
    assert (found.unet.config, found.vae.config) == (expected.unet.config, expected.vae.config)
    assert torch.equal(found.alphas_cumprod, expected.alphas_cumprod)
    weights, wanted = weights_of(found), weights_of(expected)
    assert set(weights) == set(wanted)
    assert all(torch.equal(weights[name], wanted[name].to(dtype).float()) for name in wanted)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float64], ids=str
)
def test_safetensors_in_any_precision(
    dtype: torch.dtype, sd1: tuple[State, LatentDiffusion], tmp_path: Path
) -> None:
    state, expected = sd1
    stored = {name: w.to(dtype) if w.is_floating_point() else w for name, w in state.items()}
    found = family_models.loaded(family_models.write(tmp_path / "model.safetensors", stored))
    assert_same(found, expected, dtype)
    if dtype is torch.float16:
        x, text = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 128)
        with torch.inference_mode():
            outputs = [m.unet(x, torch.tensor([500.0]), text) for m in (found, expected)]
        assert 0 < (outputs[0] - outputs[1]).abs().max() < 0.01


WRAPPED: dict[str, Callable[[State], dict[str, Any]]] = {
    "bare": lambda state: dict(state),
    "state_dict": lambda state: {"state_dict": state, "global_step": 470000, "callbacks": {"a": [1, None]}},
    "model prefix": lambda state: {f"model.{name}": w for name, w in state.items()},
    "module prefix": lambda state: {"state_dict": {f"module.{name}": w for name, w in state.items()}},
    "averages only": family_models.averaged,
    "both": lambda state: (
        {n: w + 1 for n, w in family_models.averaged(state).items() if n.startswith("model_ema.d")} | state
    ),
}


@pytest.mark.parametrize(
    ("wrapping", "suffix"),
    [(wrapping, suffix) for wrapping in WRAPPED for suffix in ("zip.ckpt", "safetensors")]
    + [("bare", "legacy.ckpt"), ("state_dict", "legacy.ckpt")],
)
def test_files_of_every_kind(
    wrapping: str, suffix: str, sd1: tuple[State, LatentDiffusion], tmp_path: Path
) -> None:
    state, expected = sd1
    content = WRAPPED[wrapping](state)
    path = tmp_path / f"model.{suffix}"
    if suffix != "safetensors":
        torch.save(content, path, _use_new_zipfile_serialization=suffix == "zip.ckpt")
    elif "state_dict" in content:
        family_models.write(path, {f"state_dict.{name}": w for name, w in state.items()})
    else:
        family_models.write(path, content)
    assert_same(family_models.loaded(path), expected)
    path.unlink()


def test_old_and_new_names_of_clip(sd1: tuple[State, LatentDiffusion], tmp_path: Path) -> None:
    """Some files have the text encoder without `text_model.`."""
    state, expected = sd1
    renamed = {name.replace("transformer.text_model.", "transformer."): w for name, w in state.items()}
    assert_same(family_models.loaded(family_models.write(tmp_path / "m.safetensors", renamed)), expected)
