"""The loaded model, checkpoints, VAEs and text encoders under the older UI's names, on the starter model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from modules.app import Application
from modules.generation.guidance import PassPlan, guidance_for
from modules.generation.prompting import Prompts
from modules.generation.requests import TextToImage
from modules.models.conditioning import Conditioning
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.sampling.predictor import Predictor
from tests import tiny_model
from tests.compat_support import open_house
from tests.server import ROOT, checkpoint

NAMES = [
    "images", "sd_models", "sd_models_config", "sd_models_types", "sd_vae", "sd_samplers", "sd_samplers_common",
    "sd_samplers_kdiffusion", "sd_samplers_compvis", "sd_samplers_timesteps", "sd_samplers_cfg_denoiser",
    "sd_schedulers", "sd_hijack", "sd_hijack_clip", "sd_unet", "extra_networks", "extra_networks_hypernet",
    "ui_extra_networks", "masking", "prompt_parser", "lowvram", "interrogate", "deepbooru", "extras", "postprocessing",
    "scripts_postprocessing", "codeformer_model", "gfpgan_model", "esrgan_model", "sd_disable_initialization",
    "textual_inversion.textual_inversion", "hypernetworks.hypernetwork", "api.api", "api.models",
]  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    checkpoint()
    folder = tmp_path_factory.mktemp("house")
    tiny_model.write(folder / "models" / "Stable-diffusion" / "tiny.safetensors")
    with open_house(folder) as application:
        application.settings.update({"model.checkpoint": "starter.safetensors"})
        yield application


@pytest.fixture
def model(house: Application) -> Any:
    return import_module("modules.sd_models").reload_model_weights(info=_info("starter"))


def _vae_file() -> Any:
    return import_module("modules.sd_vae").loaded_vae_file


def _info(name: str) -> Any:
    return import_module("modules.sd_models").get_closet_checkpoint_match(name)


def test_the_names_come_without_a_program_and_bring_nothing_heavy() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {NAMES!r}: importlib.import_module('modules.' + name)\n"
        "from modules import sd_models, sd_vae, sd_hijack\n"
        "assert sd_models.model_data.get_sd_model() is None and not sd_models.checkpoint_tiles()\n"
        "assert not sd_vae.vae_dict and sd_vae.loaded_vae_file is None\n"
        "assert sd_hijack.model_hijack.get_prompt_lengths('a') == ('-', '-')\n"
        "heavy = {'torch', 'transformers', 'gradio', 'scipy', 'cv2', 'diffusers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_checkpoints_are_a_live_dict_by_title(house: Application, model: Any) -> None:
    sd_models = import_module("modules.sd_models")
    info = _info("starter")
    assert sd_models.checkpoints_list[info.title] is info
    assert info.title in sd_models.checkpoint_tiles() and info.short_title in sd_models.checkpoint_tiles(True)
    assert info.title == f"starter.safetensors [{info.sha256[:10]}]"
    assert (info.name_for_extra, info.model_name) == ("starter", "starter")
    assert {info.shorthash, info.sha256, "starter"} <= set(info.ids)
    assert sd_models.checkpoint_aliases[info.shorthash] is info
    assert _info(info.title[:12]) is info and _info("no such thing") is None
    assert len(sd_models.checkpoints_list) == 2
    new = house.folders.models / "Stable-diffusion" / "new.safetensors"
    tiny_model.write(new)
    sd_models.list_models()
    assert {each.name for each in sd_models.checkpoints_list.values()} >= {"new.safetensors"}
    found = _info("new")
    assert found.sha256 is None and len(found.calculate_shorthash()) == 10 and len(found.hash) == 8
    assert found.metadata["modelspec.title"] == "tiny"
    new.unlink()
    sd_models.list_models()
    assert len(sd_models.checkpoints_list) == 2


def test_the_model_is_the_one_in_use(house: Application, model: Any) -> None:
    shared = import_module("modules.shared")
    data = import_module("modules.sd_models").model_data
    loaded = house.models.loaded
    assert loaded is not None and shared.sd_model is model is data.get_sd_model() is data.sd_model
    assert model.model.diffusion_model is loaded.unet
    assert model.first_stage_model.decoder is loaded.vae.decoder
    assert model.is_sd1 and not (model.is_sd2 or model.is_sdxl or model.is_sd3 or model.is_ssd)
    assert not hasattr(model, "conditioner") and not hasattr(model, "forge_objects")
    assert model.sd_checkpoint_info is _info("starter")
    assert model.sd_model_hash == loaded.checkpoint.short_hash
    assert Path(model.sd_model_checkpoint) == loaded.checkpoint.path
    assert model.half().to("cpu").cuda() is model and model.dtype is torch.float32
    assert "model.diffusion_model.input_blocks.0.0.weight" in model.state_dict()
    assert "first_stage_model.decoder.conv_in.weight" in model.state_dict()


def test_texts_are_encoded_as_in_jobs(house: Application, model: Any) -> None:
    loaded = house.models.loaded
    assert loaded is not None
    texts = ("a (red:1.3) boat", "", "sea, " * 60)
    ours = PromptEncoder(loaded.texts, loaded.compute.device).encode(texts, EncodingSettings())
    theirs = model.get_learned_conditioning(list(texts))
    assert torch.equal(theirs, torch.cat([each.tokens for each in ours]))
    theirs += 1  # extensions change such tensors in place
    clip = model.cond_stage_model
    assert clip(["x"]).shape == (1, 77, theirs.shape[2])
    house.settings.update({"model.clip_skip": 2})
    try:
        assert not torch.equal(clip(["x"]), PromptEncoder(loaded.texts, loaded.compute.device).encode(
            ("x",), EncodingSettings())[0].tokens)  # fmt: skip
    finally:
        house.settings.update({"model.clip_skip": 1})


def test_token_counts_and_chunks(model: Any) -> None:
    hijack = import_module("modules.sd_hijack").model_hijack
    clip = model.cond_stage_model
    assert hijack.clip is clip and hijack.get_prompt_lengths("a photo of a cat") == (5, 75)
    assert hijack.get_prompt_lengths("sea " * 76) == (76, 150)
    assert clip.get_target_prompt_token_count(0) == 75 and clip.get_target_prompt_token_count(76) == 150
    assert clip.tokenize(["a photo of a cat"]) == [[320, 1125, 539, 320, 2368]]
    chunks, count = clip.tokenize_line("a (cat:1.5)")
    assert count == 2 and chunks[0].tokens[:4] == [clip.id_start, 320, 2368, clip.id_end]
    assert chunks[0].multipliers[:4] == [1.0, 1.0, 1.5, 1.0]
    z = clip.process_tokens([chunks[0].tokens], [chunks[0].multipliers])
    assert torch.allclose(z, clip(["a (cat:1.5)"]), atol=1e-5)
    table = clip.wrapped.transformer.text_model.embeddings.token_embedding.weight
    assert torch.equal(clip.encode_embedding_init_text("a cat", 2), table[[320, 2368]])
    assert clip.tokenizer("a cat")["input_ids"] == [clip.id_start, 320, 2368, clip.id_end]
    assert clip.tokenizer.get_vocab()["cat</w>"] == 2368
    ids = torch.tensor([chunks[0].tokens])
    out = clip.wrapped.transformer(input_ids=ids, output_hidden_states=True)
    assert torch.allclose(out.last_hidden_state, clip.encode_with_transformers(ids), atol=1e-5)
    norm = clip.wrapped.transformer.text_model.final_layer_norm
    assert torch.allclose(norm(out.hidden_states[-1]), out.last_hidden_state, atol=1e-5)


def test_pictures_go_through_the_vae_and_back(house: Application, model: Any) -> None:
    common = import_module("modules.sd_samplers_common")
    ramp = torch.linspace(0.2, 0.8, 128)
    picture = torch.stack(
        [ramp[None].expand(128, -1), ramp[:, None].expand(-1, 128), torch.full((128, 128), 0.5)]
    )
    latents = common.images_tensor_to_samples(picture[None])
    loaded = house.models.loaded
    assert loaded is not None
    with torch.inference_mode():
        assert torch.allclose(latents, loaded.vae.encode(picture[None] * 2 - 1), atol=1e-5)
    posterior = model.encode_first_stage(picture[None] * 2 - 1)
    assert (
        torch.allclose(posterior.mode() * model.scale_factor, latents)
        and posterior.sample().shape == latents.shape
    )
    decoded = model.decode_first_stage(latents)
    assert (decoded / 2 + 0.5 - picture).abs().mean() < 0.08
    unscaled = model.first_stage_model.decode(latents / model.scale_factor)
    assert torch.allclose(unscaled, decoded, atol=1e-5)
    shown = common.sample_to_image(latents, 0, approximation=0)
    assert shown.size == (128, 128) and abs(shown.getpixel((5, 64))[0] - 255 * 0.22) < 30
    assert common.samples_to_images_tensor(latents, 2).shape == (1, 3, 16, 16)


def test_apply_model_is_the_u_net(house: Application, model: Any) -> None:
    loaded = house.models.loaded
    assert loaded is not None
    cond = model.get_learned_conditioning(["a boat"])
    x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([500])
    noise = model.apply_model(x, t, {"c_crossattn": [cond], "c_concat": []})
    assert torch.equal(noise, model.apply_model(x, t, cond))
    wrap = import_module("modules.sd_samplers_kdiffusion").CFGDenoiser(None).inner_model
    sigma = wrap.t_to_sigma(t)
    assert torch.allclose(wrap.sigma_to_t(sigma), t.float(), atol=1e-3)
    noisy = x * (sigma**2 + 1).sqrt()
    ours = Predictor(loaded.unet, loaded.prediction)(noisy, sigma, t.float(), [Conditioning(cond)])[0]
    assert torch.allclose(noisy - sigma * noise, ours, atol=1e-4)
    assert torch.allclose(wrap(noisy, sigma, cond=cond), ours, atol=1e-4)
    assert model.parameterization == "eps" and model.alphas_cumprod.shape == (1000,)
    clean = model.q_sample(x, torch.tensor([0]), torch.zeros_like(x))
    assert torch.allclose(clean, x * model.alphas_cumprod[0].sqrt())


def test_another_checkpoint_is_chosen_and_loaded(house: Application, model: Any) -> None:
    sd_models = import_module("modules.sd_models")
    called: list[Any] = []
    callbacks = import_module("modules.script_callbacks")
    callbacks.on_model_loaded(called.append)
    tiny = sd_models.reload_model_weights(info=_info("tiny"))
    assert house.settings.current.model.checkpoint == "tiny.safetensors"
    assert house.models.loaded is tiny.loaded and called == [tiny]
    assert sd_models.select_checkpoint() is _info("tiny")
    assert tiny.get_learned_conditioning(["a"]).shape == (1, 77, tiny_model.TEXT.width)
    assert import_module("modules.sd_models").model_data.get_sd_model() is tiny
    sd_models.unload_model_weights()
    assert house.models.loaded is None and sd_models.model_data.sd_model is None
    assert sd_models.model_data.get_sd_model().sd_checkpoint_info is _info("tiny")


def test_state_dicts_are_read_without_running_anything(tmp_path: Path) -> None:
    sd_models = import_module("modules.sd_models")
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": {"cond_stage_model.transformer.embeddings.x": torch.ones(2)}}, path)
    read = sd_models.read_state_dict(str(path), map_location="cpu")
    assert all(isinstance(each, torch.Tensor) for each in read.values()) and len(read) == 1
    nested = {"state_dict": {"cond_stage_model.transformer.embeddings.x": 1, "y": 2}}
    renamed = sd_models.get_state_dict_from_checkpoint(nested)
    assert renamed == {"cond_stage_model.transformer.text_model.embeddings.x": 1, "y": 2}


def test_vaes_are_listed_and_chosen(house: Application, model: Any) -> None:
    sd_vae = import_module("modules.sd_vae")
    assert not sd_vae.vae_dict and _vae_file() is None
    folder = house.folders.models / "VAE"
    folder.mkdir(parents=True)
    from safetensors.torch import save_file

    vae = {name: value + 0 for name, value in model.loaded.vae.state_dict().items()}
    save_file({name: value.contiguous() for name, value in vae.items()}, folder / "own.safetensors")
    sd_vae.refresh_vae_list()
    assert sd_vae.vae_dict == {"own.safetensors": str(folder / "own.safetensors")}
    changed = sd_vae.reload_vae_weights(vae_file=sd_vae.vae_dict["own.safetensors"])
    assert house.settings.current.model.vae == "own.safetensors"
    assert _vae_file() == str(folder / "own.safetensors") and changed.loaded.unet is model.loaded.unet
    assert sd_vae.resolve_vae(model.sd_model_checkpoint).vae == str(folder / "own.safetensors")
    assert len(sd_vae.get_loaded_vae_hash()) == 10
    sd_vae.reload_vae_weights(vae_file=None)
    assert _vae_file() is None


def test_embeddings_are_the_databases(house: Application, model: Any) -> None:
    database = import_module("modules.sd_hijack").model_hijack.embedding_db
    inversion = import_module("modules.textual_inversion.textual_inversion")
    assert not database.word_embeddings
    before = model.cond_stage_model(["catling"])
    path = inversion.create_embedding("catling", 2, False, init_text="a cat")
    assert list(database.word_embeddings) == ["catling"]
    one = database.word_embeddings["catling"]
    assert database.word_embeddings["catling"] is one
    assert (one.vectors, one.filename, one.step) == (2, path, 0) and one.vec.shape == (2, one.shape)
    tokens = model.cond_stage_model.tokenize(["a catling"])[0]
    assert database.find_embedding_at_position(tokens, 1) == (one, len(tokens) - 1)
    assert database.find_embedding_at_position(tokens, 0) == (None, None)
    after = model.cond_stage_model(["catling"])
    assert torch.allclose(after, model.cond_stage_model(["a cat"]), atol=1e-4) and not torch.allclose(
        before, after
    )
    Path(path).unlink()
    assert not database.word_embeddings


def test_circular_stays_until_it_is_taken_off(model: Any) -> None:
    hijack = import_module("modules.sd_hijack").model_hijack
    layer = model.loaded.unet.input_blocks[0][0]
    hijack.apply_circular(True)
    assert layer.padding_mode == "circular" and hijack.circular_enabled
    hijack.apply_circular(False)
    assert layer.padding_mode == "zeros" and not hijack.circular_enabled


def test_sdxl_has_a_conditioner(tmp_path: Path) -> None:
    family_models = import_module("tests.family_models")
    loaded = family_models.loaded(
        family_models.write(tmp_path / "xl.safetensors", family_models.SDXL.parts.state())
    )
    model = import_module("modules.sd_model_object").SdModel(loaded, lambda: None)
    assert model.is_sdxl and not model.is_sd1 and model.cond_stage_model is model.conditioner
    texts = import_module("modules.prompt_parser").SdConditioning(["a cat", ""], width=64, height=96)
    cond = model.get_learned_conditioning(texts)
    request = TextToImage(prompt="a cat", width=64, height=96)
    encoder = PromptEncoder(loaded.texts, torch.device("cpu"))
    plan = PassPlan(Prompts("a cat", ""), 64, 96, 5, 5, 7.0)
    ours = guidance_for(request, plan, encoder, loaded.family).positive[0][1].at(0)
    assert ours.vector is not None and torch.allclose(cond["vector"][:1], ours.vector, atol=1e-4)
    assert torch.allclose(cond["crossattn"][:1], ours.tokens, atol=1e-4)
    assert model.conditioner.get_prompt_lengths("a cat") == (2, 75)
    assert model.conditioner.embedders[0](["a"]).shape[1] == 77
    hidden, pooled = model.conditioner.embedders[1](["a"])
    assert hidden.shape[2] + model.conditioner.embedders[0](["a"]).shape[2] == cond["crossattn"].shape[2]
    assert pooled.shape[0] == 1
    empty = import_module("modules.prompt_parser").SdConditioning([""], is_negative_prompt=True)
    assert not model.get_learned_conditioning(empty)["crossattn"].any()
    x = torch.randn(2, 4, 8, 8)
    assert model.apply_model(x, torch.tensor([5, 5]), cond).shape == x.shape
