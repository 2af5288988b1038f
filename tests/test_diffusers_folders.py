"""Diffusers folders and VAE files, saved by diffusers and transformers, read under the original names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from modules.faults import BadFile
from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.checkpoint_file import open_tensors, open_vae, read_metadata, read_tensors
from modules.models.detection import unet_config
from modules.models.diffusers_keys import to_original_vae, unet_names, vae_names
from modules.models.families import Family
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.unet import UNet

diffusers = pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
transformers = pytest.importorskip("transformers")

TOLERANCE = 1e-4
HEADS = Family("eight heads", lambda shapes: True, heads=8)
WIDTHS = Family("heads of eight channels", lambda shapes: True, head_channels=8)
VAE = AutoencoderConfig(channels=32, multipliers=(1, 1, 2), residual_blocks=1)
TEXT = TextEncoderConfig(width=64, layers=2, heads=1, intermediate=32, vocabulary=99)
CROSS, PLAIN = "CrossAttn", ""


def unet_of(kind: str) -> Any:
    """A tiny U-Net of diffusers with the shape of a family's."""
    blocks = [PLAIN, CROSS, CROSS] if kind in ("sdxl", "refiner") else [CROSS, CROSS, PLAIN]
    arguments: dict[str, Any] = {
        "block_out_channels": (32, 64, 64),
        "layers_per_block": 2,
        "down_block_types": tuple(f"{text}DownBlock2D" for text in blocks),
        "up_block_types": tuple(f"{text}UpBlock2D" for text in reversed(blocks)),
        "cross_attention_dim": 48,
        "attention_head_dim": 8,
    }
    if kind != "sd1":
        arguments |= {"use_linear_projection": True, "attention_head_dim": (4, 8, 8)}
    if kind in ("sdxl", "refiner"):
        arguments |= {
            "transformer_layers_per_block": (1, 2, 3),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + 24,
        }
    return diffusers.UNet2DConditionModel(**arguments)


def text_encoder_of(projection: bool) -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=99,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=32,
        projection_dim=24,
        bos_token_id=97,
        eos_token_id=98,
    )
    return (transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel)(config)


def vae_of() -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 64),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
    )


def shaken(module: nn.Module) -> Any:
    """The module with no weight left at 0 or 1, where mistakes would not show."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return module.eval()


def make(folder: Path, kind: str) -> dict[str, Any]:
    """Save a model of a family as a diffusers folder; its parts."""
    torch.manual_seed(0)
    parts: dict[str, Any] = {"unet": unet_of(kind), "vae": vae_of()}
    if kind != "refiner":
        parts["text_encoder"] = text_encoder_of(projection=False)
    if kind in ("sdxl", "refiner"):
        parts["text_encoder_2"] = text_encoder_of(projection=True)
    for name, part in parts.items():
        shaken(part).save_pretrained(folder / name)
    index: dict[str, Any] = {"_class_name": "Pipeline", "safety_checker": [None, None]}
    index |= {name: ["library", type(part).__name__] for name, part in parts.items()}
    write(folder / "model_index.json", index)
    scheduler = {"prediction_type": "v_prediction" if kind == "sd2" else "epsilon"}
    write(folder / "scheduler" / "scheduler_config.json", scheduler)
    return parts


def write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: w for name, w in tensors.items() if name.startswith(prefix)}


def shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(w.shape) for name, w in tensors.items()}


@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl", "refiner"])
@torch.inference_mode()
def test_a_folder_gives_the_same_model(kind: str, tmp_path: Path) -> None:
    reference = make(tmp_path / "model", kind)
    with open_tensors(tmp_path / "model") as file:
        tensors = {name: file.tensor(name) for name in file.shapes}
        assert shapes(tensors) == dict(file.shapes)
        assert {name: w.dtype for name, w in tensors.items()} == dict(file.dtypes)
        assert file.metadata == {"modelspec.prediction_type": "v" if kind == "sd2" else "epsilon"}

    weights = part(tensors, "model.diffusion_model.")
    # diffusers' "attention_head_dim" is the number of heads; where widths differ, ours counts the channels of one
    config = unet_config(shapes(weights), HEADS if kind == "sd1" else WIDTHS)
    assert config.linear_projections == (kind != "sd1")
    unet = UNet(config).eval()
    unet.load_state_dict(weights)
    x, text = torch.randn(2, 4, 16, 24), torch.randn(2, 7, 48)
    times = torch.tensor([3.0, 801.5])
    pooled, sizes = torch.randn(2, 24), torch.rand(2, 6) * 100
    extra, vector = None, None
    if config.vector_width is not None:
        extra = {"text_embeds": pooled, "time_ids": sizes}
        projected = reference["unet"].add_time_proj(sizes.flatten()).reshape(2, -1)
        vector = torch.cat([pooled, projected], dim=1)
    expected = reference["unet"](x, times, text, added_cond_kwargs=extra).sample
    assert expected.std() > 0.05
    assert (unet(x, times, text, vector) - expected).abs().max() < TOLERANCE

    check_vae(part(tensors, "first_stage_model."), reference["vae"])

    texts = {
        "sd1": {"text_encoder": "cond_stage_model.transformer."},
        "sd2": {"text_encoder": "cond_stage_model.transformer."},
        "sdxl": {
            "text_encoder": "conditioner.embedders.0.transformer.",
            "text_encoder_2": "conditioner.embedders.1.transformer.",
        },
        "refiner": {"text_encoder_2": "conditioner.embedders.0.transformer."},
    }[kind]
    prefixes = ("model.diffusion_model.", "first_stage_model.", *texts.values())
    assert all(name.startswith(prefixes) for name in tensors)
    for name, prefix in texts.items():
        check_text_encoder(part(tensors, prefix), reference[name])


def check_vae(weights: dict[str, torch.Tensor], reference: Any) -> None:
    vae = Autoencoder(VAE).eval()
    vae.load_state_dict(weights)
    pixels, latents = torch.rand(1, 3, 16, 32) * 2 - 1, torch.randn(1, 4, 4, 6)
    scale = vae.config.scale
    expected = reference.encode(pixels).latent_dist.mode() * scale
    assert (vae.encode(pixels) - expected).abs().max() < TOLERANCE
    expected = reference.decode(latents / scale).sample
    assert expected.std() > 0.05
    assert (vae.decode(latents) - expected).abs().max() < TOLERANCE


def check_text_encoder(weights: dict[str, torch.Tensor], reference: Any) -> None:
    own = part(weights, "text_model.")
    encoder = TextEncoder(TEXT).eval()
    encoder.load_state_dict({f"model.{name}": w for name, w in own.items() if "position_ids" not in name})
    ids = torch.tensor([[97, 5, 6, 98] + [98] * 73])
    expected = reference(ids, output_hidden_states=True).hidden_states[-1]
    assert (encoder(ids, final_norm=False).hidden - expected).abs().max() < TOLERANCE
    projected = set(weights) - {f"text_model.{name}" for name in own}
    assert projected == ({"text_projection.weight"} if hasattr(reference, "text_projection") else set())


# -- other ways to store the parts --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders") / "model"
    make(folder, "sd1")
    return folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """The folder with hard links, so that files can be put in the place of others."""
    for path in model.rglob("*.*"):
        target = tmp_path / "copy" / path.relative_to(model)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path)
    return tmp_path / "copy"


def test_weights_are_found_under_all_their_file_names(copy: Path, model: Path) -> None:
    expected = read_tensors(model)
    unet, text = copy / "unet", copy / "text_encoder"
    weights = load_file(unet / "diffusion_pytorch_model.safetensors")
    half = {name: w.half() for name, w in weights.items()}
    save_file(half, unet / "diffusion_pytorch_model.fp16.safetensors")
    name = "model.diffusion_model.input_blocks.0.0.weight"
    assert read_tensors(copy)[name].dtype == torch.float32  # the whole weights come first
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    assert read_tensors(copy)[name].dtype == torch.float16
    (unet / "diffusion_pytorch_model.fp16.safetensors").unlink()
    torch.save(weights, unet / "diffusion_pytorch_model.bin")
    (text / "pytorch_model.bin").unlink(missing_ok=True)
    torch.save(load_file(text / "model.safetensors"), text / "pytorch_model.bin")
    (text / "model.safetensors").unlink()
    found = read_tensors(copy)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], w) for name, w in expected.items())


def shard(folder: Path, index: str = "diffusion_pytorch_model.safetensors.index.json") -> dict[str, str]:
    whole = folder / "diffusion_pytorch_model.safetensors"
    weights = load_file(whole)
    whole.unlink()
    places = {
        name: f"diffusion_pytorch_model-{i % 2 + 1:05}-of-00002.safetensors" for i, name in enumerate(weights)
    }
    for place in set(places.values()):
        save_file({name: w for name, w in weights.items() if places[name] == place}, folder / place)
    write(folder / index, {"weight_map": places})
    return places


@pytest.mark.parametrize(
    "index",
    [
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.fp16.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
    ],
)
def test_shards(copy: Path, model: Path, index: str) -> None:
    shard(copy / "unet", index)
    expected = read_tensors(model)
    found = read_tensors(copy)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], w) for name, w in expected.items())


def test_text_encoders_with_and_without_their_prefix(copy: Path) -> None:
    path = copy / "text_encoder" / "model.safetensors"
    names = {name for name in open_tensors(copy).shapes if name.startswith("cond_stage_model.")}
    bare = {name.removeprefix("text_model."): w for name, w in load_file(path).items()}
    for weights in (bare, {f"text_model.{name}": w for name, w in bare.items()}):
        path.unlink()
        save_file(weights, path)
        found = open_tensors(copy).shapes
        assert {name for name in found if name.startswith("cond_stage_model.")} == names
        assert "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight" in found


def test_metadata_name_the_prediction_and_the_schedule(copy: Path) -> None:
    path = copy / "scheduler" / "scheduler_config.json"
    path.unlink()
    assert read_metadata(copy) == {}
    write(path, {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True})
    assert read_metadata(copy) == {"modelspec.prediction_type": "v", "ztsnr": "true"}
    assert dict(open_tensors(copy).metadata) == read_metadata(copy)
    write(path, {"rescale_betas_zero_snr": False})
    assert read_metadata(copy) == {"modelspec.prediction_type": "epsilon"}


def replace(path: Path, content: str) -> None:
    path.unlink()
    path.write_text(content)


def test_unusable_folders_say_why(copy: Path, tmp_path: Path) -> None:
    def reason(folder: Path = copy) -> str:
        with pytest.raises(BadFile) as caught:
            open_tensors(folder)
        assert "\n" not in caught.value.message
        return caught.value.message

    assert "unet can't be used: it is only one part of a model" in reason(copy / "unet")
    (tmp_path / "empty").mkdir()
    assert "it holds no model_index.json" in reason(tmp_path / "empty")
    index = json.loads((copy / "model_index.json").read_text())

    places = shard(copy / "unet")
    missing = copy / "unet" / next(iter(places.values()))
    held = load_file(missing)
    missing.unlink()
    assert "unet/diffusion_pytorch_model-00001-of-00002.safetensors is missing" in reason()
    lost = next(iter(held))
    save_file({name: w for name, w in held.items() if name != lost}, missing)
    assert f"lacks the tensor {lost}" in reason()
    missing.unlink()
    save_file(held | {"conv_strange.weight": torch.zeros(1)}, missing)
    assert "its U-Net has conv_strange.weight, which no Stable Diffusion model has" in reason()
    (tmp_path / "secret.safetensors").write_bytes(missing.read_bytes())
    outside = dict.fromkeys(places, "../../secret.safetensors")
    write(copy / "unet" / "diffusion_pytorch_model.safetensors.index.json", {"weight_map": outside})
    assert "index.json is damaged" in reason()

    (copy / "text_encoder" / "model.safetensors").unlink()
    assert "the weights of its text_encoder are missing" in reason()
    replace(copy / "scheduler" / "scheduler_config.json", "[" * 10_000)
    with pytest.raises(BadFile, match=r"scheduler_config\.json is damaged"):
        read_metadata(copy)
    replace(copy / "model_index.json", json.dumps(index | {"unet": [None, None]}))
    assert "without a U-Net" in reason()
    replace(copy / "model_index.json", "{")
    assert "model_index.json is damaged" in reason()


def test_class_embeddings_of_upscalers_and_unclip() -> None:
    names = ["class_embedding.weight", "conv_in.weight"]
    assert unet_names(names)["label_emb.weight"] == "class_embedding.weight"
    found = unet_names(["class_embedding.linear_1.weight", "class_embedding.linear_2.bias"])
    assert set(found) == {"label_emb.0.0.weight", "label_emb.0.2.bias"}
    with pytest.raises(KeyError, match="encoder_hid_proj"):
        unet_names(["encoder_hid_proj.weight"])


# -- VAE files ----------------------------------------------------------------------------------------------

OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@torch.inference_mode()
def test_vae_files_in_every_naming(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = shaken(vae_of())
    new = {name: w.contiguous() for name, w in reference.state_dict().items()}
    old = {}
    for name, w in new.items():
        for part_name, older in OLD_NAMES.items():
            name = name.replace(f".{part_name}.", f".{older}.")
        old[name] = w
    assert set(old) != set(new)
    original = {name: w.contiguous() for name, w in to_original_vae(new).items()}
    assert original["encoder.mid.attn_1.q.weight"].shape == (64, 64, 1, 1)
    prefixed = {f"first_stage_model.{name}": w for name, w in original.items()}
    beside = {"model.diffusion_model.x": torch.zeros(1), "loss.discriminator.x": torch.zeros(1)}
    for i, weights in enumerate(
        (new, old, original, original | {"loss.x": torch.zeros(1)}, prefixed | beside)
    ):
        path = tmp_path / f"{i}.safetensors"
        save_file(weights, path)
        torch.save({"state_dict": weights}, tmp_path / f"{i}.vae.pt")
        for file in (path, tmp_path / f"{i}.vae.pt"):
            with open_vae(file) as vae:
                assert vae.shapes == shapes(original)
                found = {name: vae.tensor(name) for name in vae.shapes}
        assert all(torch.equal(found[name], w) for name, w in original.items())
    check_vae(original, reference)
    assert set(vae_names(new).values()) == set(new)
    save_file({"lora_unet.alpha": torch.zeros(1)}, tmp_path / "lora.safetensors")
    with pytest.raises(BadFile, match="it holds no VAE"):
        open_vae(tmp_path / "lora.safetensors")
