"""The depth network and the image encoder of Stable Diffusion 2 checkpoints, and unCLIP's noise.

The references are small networks of our own in the original layout: they are written from the papers' description,
carry the names of MiDaS, timm and CLIP, and share nothing with transformers, which runs the real thing.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.faults import InvalidField
from modules.models import depth_keys, image_encoder_keys
from modules.models.depth_estimator import DepthEstimator, depth_condition, input_size, load_depth_estimator
from modules.models.image_encoder import MEAN, STD, ImageEncoder, load_image_encoder, resize
from modules.models.noise_augmentation import load_noise_augmentation

TOLERANCE = 1e-4
CPU = torch.device("cpu")


def randomise(network: nn.Module, seed: int) -> None:
    """Weights that keep the activations' size; every norm, bias and position counts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                whole = name.endswith(("pos_embed", "positional_embedding", "cls_token"))
                spread = 1.0 if whole else parameter[0].numel() ** -0.5
                parameter.normal_(0, spread, generator=generator)
            else:  # a norm's weight, or a bias
                parameter.normal_(1.0 if name.endswith("weight") else 0.0, 0.2, generator=generator)
    network.eval().requires_grad_(False)


def shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# -- The reference of the depth network ------------------------------------------------------------------------------


class Branches(nn.Module):
    """Modules and parameters under the given names."""

    def __init__(self, **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


def pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """TensorFlow's padding: as much as makes the output `ceil(size / stride)`, the odd pixel right and below."""
    height, width = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), value=value)


class StandardConv(nn.Conv2d):
    """A convolution whose filters have mean 0 and deviation 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        weight = (self.weight - mean) / (variance + 1e-8).sqrt()
        return F.conv2d(pad_same(x, self.kernel_size[0], self.stride[0]), weight, None, self.stride)


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, first: bool) -> None:
        super().__init__()
        middle = outputs // 4
        self.conv1, self.norm1 = StandardConv(inputs, middle, 1), nn.GroupNorm(32, middle)
        self.conv2, self.norm2 = StandardConv(middle, middle, 3, stride), nn.GroupNorm(32, middle)
        self.conv3, self.norm3 = StandardConv(middle, outputs, 1), nn.GroupNorm(32, outputs)
        shortcut = Branches(conv=StandardConv(inputs, outputs, 1, stride), norm=nn.GroupNorm(32, outputs))
        self.downsample = shortcut if first else None

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm3(self.conv3(F.relu(self.norm2(self.conv2(h)))))
        if self.downsample is not None:
            x = self.downsample.norm(self.downsample.conv(x))
        return F.relu(h + x)


class ViTBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 64
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Branches(qkv=nn.Linear(width, 3 * width), proj=nn.Linear(width, width))
        self.mlp = Branches(fc1=nn.Linear(width, 4 * width), fc2=nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attn.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, 64)).permute(2, 0, 3, 1, 4)
        attended = ((q * 64**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        x = x + self.attn.proj(attended.transpose(1, 2).flatten(2))
        return x + self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x))))


class ResidualUnit(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class ReferenceDepth(nn.Module):
    """MiDaS' DPT-hybrid; `state_dict` has the names of the checkpoints (without `depth_model.model.`)."""

    def __init__(
        self, stem: int, channels: list[int], depths: list[int], width: int, layers: int, features: int
    ) -> None:
        super().__init__()
        stages, before = [], stem
        for i, (outputs, depth) in enumerate(zip(channels, depths, strict=True)):
            blocks = []
            for k in range(depth):
                blocks.append(Bottleneck(before, outputs, 2 if i > 0 and k == 0 else 1, k == 0))
                before = outputs
            stages.append(Branches(blocks=nn.Sequential(*blocks)))
        backbone = Branches(
            stem=Branches(conv=StandardConv(3, stem, 7, 2), norm=nn.GroupNorm(32, stem)),
            stages=nn.ModuleList(stages),
        )
        model = Branches(
            patch_embed=Branches(backbone=backbone, proj=nn.Conv2d(before, width, 1)),
            blocks=nn.ModuleList(ViTBlock(width) for _ in range(layers)),
            norm=nn.LayerNorm(width, eps=1e-6),
            head=nn.Linear(width, 10),  # timm's classifier: in the file, and of no use
            cls_token=nn.Parameter(torch.zeros(1, 1, width)),
            pos_embed=nn.Parameter(torch.zeros(1, 1 + 24 * 24, width)),
        )

        def post(*more: nn.Module) -> nn.Module:
            readout = Branches(project=nn.Sequential(nn.Linear(2 * width, width), nn.GELU()))
            return nn.Sequential(readout, *(nn.Identity(), nn.Identity()), nn.Conv2d(width, width, 1), *more)

        self.pretrained = Branches(
            model=model,
            act_postprocess3=post(),
            act_postprocess4=post(nn.Conv2d(width, width, 3, stride=2, padding=1)),
        )
        rn = {
            f"layer{i + 1}_rn": nn.Conv2d(c, features, 3, padding=1, bias=False)
            for i, c in enumerate((channels[0], channels[1], width, width))
        }
        fusion = {
            f"refinenet{i}": Branches(
                resConfUnit1=ResidualUnit(features),
                resConfUnit2=ResidualUnit(features),
                out_conv=nn.Conv2d(features, features, 1),
            )
            for i in (1, 2, 3, 4)
        }
        output = nn.Sequential(
            nn.Conv2d(features, features // 2, 3, padding=1),
            nn.UpsamplingBilinear2d(scale_factor=2),  # with aligned corners
            nn.Conv2d(features // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )
        self.scratch = Branches(**rn, **fusion, output_conv=output)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2] // 16, x.shape[-1] // 16
        pretrained, model, scratch = self.pretrained, self.pretrained.model, self.scratch
        backbone = model.patch_embed.backbone
        h = F.relu(backbone.stem.norm(backbone.stem.conv(x)))
        h = F.max_pool2d(pad_same(h, 3, 2, float("-inf")), 3, 2)
        maps = [h := stage.blocks(h) for stage in backbone.stages][:2]

        grid = model.pos_embed[:, 1:].unflatten(1, (24, 24)).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(rows, columns), mode="bilinear").flatten(2).transpose(1, 2)
        tokens = model.patch_embed.proj(h).flatten(2).transpose(1, 2)
        tokens = torch.cat([model.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        tokens = tokens + torch.cat([model.pos_embed[:, :1], grid], dim=1)
        outputs = [tokens := block(tokens) for block in model.blocks]
        taken = {4: (2, 3), 12: (8, 11)}[len(outputs)]
        for i, post in zip(taken, (pretrained.act_postprocess3, pretrained.act_postprocess4), strict=True):
            words = outputs[i][:, 1:]
            readout = post[0].project(torch.cat([words, outputs[i][:, :1].expand_as(words)], dim=-1))
            maps.append(post[3:](readout.transpose(1, 2).unflatten(2, (rows, columns))))

        path: Tensor | None = None
        for i in (4, 3, 2, 1):
            fusion = getattr(scratch, f"refinenet{i}")
            level = getattr(scratch, f"layer{i}_rn")(maps[i - 1])
            path = level if path is None else path + fusion.resConfUnit1(level)
            path = fusion.resConfUnit2(path)
            path = fusion.out_conv(F.interpolate(path, scale_factor=2, mode="bilinear", align_corners=True))
        return scratch.output_conv(path)


@pytest.fixture(scope="module")
def reference_depth() -> ReferenceDepth:
    network = ReferenceDepth(32, [128, 128, 256], [2, 1, 2], 128, 4, 32)
    randomise(network, 1)
    # Far from the last ReLU's zero, where all networks are alike.
    network.scratch.output_conv[4].bias.fill_(4.0)
    return network


@pytest.fixture(scope="module")
def estimator(reference_depth: ReferenceDepth) -> DepthEstimator:
    tensors = {f"model.{name}": tensor for name, tensor in reference_depth.state_dict().items()}
    return load_depth_estimator(tensors, CPU, torch.float32)


@pytest.mark.parametrize("size", [(384, 384), (96, 64), (50, 80)])
def test_depth_equals_the_original_network(
    reference_depth: ReferenceDepth, estimator: DepthEstimator, size: tuple[int, int]
) -> None:
    pixels = pictures(2 if size == (96, 64) else 1, 3, *size)
    depth = estimator.estimate(pixels)
    expected = reference_depth(F.interpolate(pixels, size=input_size(*size), mode="bicubic"))
    assert depth.shape == expected.shape == (len(pixels), 1, *input_size(*size))
    assert depth.std() > 0.05 and (depth > 0).float().mean() > 0.5
    torch.testing.assert_close(depth, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_depth_equals_transformers_own_way(estimator: DepthEstimator) -> None:
    """On the one size that its `forward` takes."""
    network: Any = estimator.network
    pixels = pictures(1, 3, 384, 384, seed=3)
    with torch.no_grad():
        expected = network(pixels).predicted_depth[:, None]
    torch.testing.assert_close(estimator.estimate(pixels), expected, atol=1e-6, rtol=1e-6)


def test_depth_weights_under_transformers_names_are_taken_as_they_are(estimator: DepthEstimator) -> None:
    tensors = estimator.network.state_dict()
    again = load_depth_estimator(tensors, CPU, torch.float32)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in again.network.state_dict().items())


def test_depth_network_in_half_precision(reference_depth: ReferenceDepth, estimator: DepthEstimator) -> None:
    half = load_depth_estimator(reference_depth.state_dict(), CPU, torch.bfloat16)
    pixels = pictures(1, 3, 64, 96)
    depth, exact = half.estimate(pixels), estimator.estimate(pixels)
    assert depth.dtype == torch.float32
    assert (depth - exact).abs().mean() < 0.1 * exact.std()


def test_full_size_depth_network_fits_the_checkpoint() -> None:
    """Names and shapes of the real DPT-hybrid, 123 M parameters, without its memory."""
    from transformers import DPTForDepthEstimation

    with torch.device("meta"):
        original = ReferenceDepth(64, [256, 512, 1024], [3, 4, 9], 768, 12, 256)
        weights = depth_keys.to_transformers(original.state_dict())
        config = depth_keys.network_config(weights)
        network = DPTForDepthEstimation(config)
    assert shapes(weights) == shapes(network.state_dict())
    assert 122e6 < sum(t.numel() for t in weights.values()) < 124e6
    assert (config.num_attention_heads, config.image_size, config.layer_norm_eps) == (12, 384, 1e-6)
    assert list(config.backbone_out_indices or ())[2:] == [8, 11]


def test_size_at_which_the_network_looks() -> None:
    square, wide, tall = input_size(512, 512), input_size(512, 768), input_size(768, 512)
    assert (square, wide, tall) == ((384, 384), (384, 576), (576, 384))
    # Small pictures grow by the smaller factor, and no side vanishes.
    assert (input_size(96, 64), input_size(64, 4096)) == ((384, 256), (32, 384))
    assert input_size(512, 600) == (384, 448)  # 450 rounded


def test_depth_input_is_resized_as_opencv_does(estimator: DepthEstimator) -> None:
    cv2 = pytest.importorskip("cv2")
    seen: list[Tensor] = []
    embeddings: Any = estimator.network.get_submodule("dpt.embeddings")
    hook = embeddings.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))
    pixels = pictures(1, 3, 64, 120)
    estimator.estimate(pixels)
    hook.remove()
    unit = ((pixels[0] + 1) / 2).permute(1, 2, 0).numpy()
    resized = torch.from_numpy(cv2.resize(unit, input_size(64, 120)[::-1], interpolation=cv2.INTER_CUBIC))
    torch.testing.assert_close(seen[0].permute(1, 2, 0), (resized - 0.5) / 0.5, atol=2e-4, rtol=0)


def test_depth_condition_scales_each_picture_by_itself() -> None:
    depth = torch.stack([pictures(1, 384, 576) * 3 + 20, pictures(1, 384, 576, seed=1) * 900])
    condition = depth_condition(depth, 64, 96)
    assert condition.shape == (2, 1, 64, 96)
    for one, whole in zip(condition, depth, strict=True):
        assert one.min() == pytest.approx(-1, abs=1e-5) and one.max() == pytest.approx(1, abs=1e-5)
        resized = F.interpolate(whole[None], size=(64, 96), mode="bicubic", align_corners=False)[0]
        straight = torch.corrcoef(torch.stack([one.flatten(), resized.flatten()]))[0, 1]
        assert straight == pytest.approx(1, abs=1e-5)
    assert torch.equal(condition[:1], depth_condition(depth[:1], 64, 96))


@pytest.mark.parametrize("value", [0.0, 5.3, 1234.567])
def test_depth_condition_of_a_flat_picture(value: float) -> None:
    assert (depth_condition(torch.full((1, 1, 384, 384), value), 57, 41) == -1).all()


def test_a_missing_or_misshapen_tensor_is_named(reference_depth: ReferenceDepth) -> None:
    tensors = reference_depth.state_dict()
    gone = {name: tensor for name, tensor in tensors.items() if "refinenet2.out_conv.bias" not in name}
    with pytest.raises(ValueError, match=r"1 tensors are missing, such as .*layers\.2\.projection\.bias"):
        load_depth_estimator(gone, CPU, torch.float32)
    bent = {**tensors, "scratch.output_conv.2.bias": torch.zeros(31)}
    with pytest.raises(ValueError, match=r"shape \(31,\), not \(32,\)"):
        load_depth_estimator(bent, CPU, torch.float32)
    with pytest.raises(KeyError):
        load_depth_estimator({}, CPU, torch.float32)


# -- The image encoder -----------------------------------------------------------------------------------------------


class QuickGELU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class TowerBlock(nn.Module):
    def __init__(self, width: int, heads: int, activation: nn.Module) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = Branches(c_fc=nn.Linear(width, 4 * width), c_proj=nn.Linear(4 * width, width))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp.c_proj(self.activation(self.mlp.c_fc(self.ln_2(x))))


class ReferenceTower(nn.Module):
    """CLIP's image tower; `state_dict` has the names of the checkpoints (without `embedder.model.visual.`)."""

    def __init__(
        self, width: int, heads: int, layers: int, projection: int, activation: nn.Module, grid: int = 2
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 14, 14, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(grid * grid + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        blocks = (TowerBlock(width, heads, activation) for _ in range(layers))
        self.transformer = Branches(resblocks=nn.Sequential(*blocks))
        self.proj = nn.Parameter(torch.zeros(width, projection))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        top = self.class_embedding.expand(len(x), 1, -1)
        tokens = self.ln_pre(torch.cat([top, patches], dim=1) + self.positional_embedding)
        return self.ln_post(self.transformer.resblocks(tokens.transpose(0, 1))[0]) @ self.proj


TOWERS = {
    "small": lambda: ReferenceTower(128, 2, 3, 48, nn.GELU()),
    "one layer of OpenCLIP's H": lambda: ReferenceTower(1280, 16, 1, 1024, nn.GELU()),
    "one layer of OpenAI's L": lambda: ReferenceTower(1024, 16, 1, 768, QuickGELU()),
}


def checkpoint_of(tower: nn.Module) -> dict[str, Tensor]:
    """As the file has it: a part of CLIP's text tower and more lie beside."""
    tensors = {f"model.visual.{name}": tensor for name, tensor in tower.state_dict().items()}
    return {**tensors, "model.logit_scale": torch.zeros(()), "model.positional_embedding": torch.zeros(77, 8)}


def normalised(pixels: Tensor) -> Tensor:
    return ((pixels + 1) / 2 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@pytest.mark.parametrize("name", TOWERS)
def test_image_encoder_equals_the_original_tower(name: str) -> None:
    tower = TOWERS[name]()
    randomise(tower, 2)
    encoder = load_image_encoder(checkpoint_of(tower), CPU, torch.float32)
    pixels = pictures(2, 3, 28, 28)
    vector = encoder.encode(pixels)
    assert vector.shape == (2, encoder.width) and vector.std() > 0.1
    torch.testing.assert_close(vector, tower(normalised(pixels)), atol=TOLERANCE, rtol=TOLERANCE)
    assert not any(tensor.is_meta for tensor in encoder.network.buffers())


def small_encoder() -> tuple[ReferenceTower, ImageEncoder]:
    tower = TOWERS["small"]()
    randomise(tower, 2)
    return tower, load_image_encoder(checkpoint_of(tower), CPU, torch.float32)


def test_image_encoder_takes_any_size_and_works_in_half_precision() -> None:
    tower, encoder = small_encoder()
    pixels = pictures(1, 3, 100, 60)
    expected = tower(normalised(resize(pixels, 28)))
    torch.testing.assert_close(encoder.encode(pixels), expected, atol=TOLERANCE, rtol=TOLERANCE)
    vector = load_image_encoder(checkpoint_of(tower), CPU, torch.bfloat16).encode(pixels)
    assert vector.dtype == torch.float32 and F.cosine_similarity(vector, expected).item() > 0.999


def test_image_encoder_under_transformers_names() -> None:
    _, encoder = small_encoder()
    tensors = {f"embedder.transformer.{name}": t for name, t in encoder.network.state_dict().items()}
    old = {"embedder.transformer.vision_model.embeddings.position_ids": torch.arange(5)[None]}
    again = load_image_encoder({**tensors, **old}, CPU, torch.float32)
    pixels = pictures(1, 3, 28, 28)
    assert torch.equal(again.encode(pixels), encoder.encode(pixels))


def test_image_encoder_with_a_broken_tensor() -> None:
    tensors = checkpoint_of(small_encoder()[0])
    tensors["model.visual.proj"] = torch.full_like(tensors["model.visual.proj"], float("nan"))
    with pytest.raises(ValueError, match="visual_projection"):
        load_image_encoder(tensors, CPU, torch.float32)
    with pytest.raises(KeyError):
        load_image_encoder({"model.visual.proj": torch.zeros(4, 4)}, CPU, torch.float32)


@pytest.mark.parametrize(
    ("width", "layers", "projection", "size"), [(1280, 32, 1024, 632e6), (1024, 24, 768, 304e6)]
)
def test_full_size_towers_fit_the_checkpoints(width: int, layers: int, projection: int, size: float) -> None:
    from transformers import CLIPVisionModelWithProjection

    with torch.device("meta"):
        original = ReferenceTower(width, 16, layers, projection, nn.GELU(), grid=16)
        weights = image_encoder_keys.to_transformers(checkpoint_of(original))
        config = image_encoder_keys.tower_config(weights)
        network = CLIPVisionModelWithProjection(config)
    assert shapes(weights) == shapes(network.state_dict())
    assert sum(t.numel() for t in weights.values()) == pytest.approx(size, rel=0.005)
    assert (config.num_hidden_layers, config.image_size, config.num_attention_heads) == (layers, 224, 16)


@pytest.mark.parametrize("size", [(512, 512), (768, 512), (100, 640), (224, 224), (96, 64), (900, 300)])
def test_resizing_equals_the_one_of_training(size: tuple[int, int]) -> None:
    """diffusers carries the same function for another model, with the two sides blurred in one step."""
    video = "diffusers.pipelines.stable_video_diffusion"
    pipeline = pytest.importorskip(f"{video}.pipeline_stable_video_diffusion")
    pixels = pictures(1, 3, *size)
    expected = pipeline._resize_with_antialiasing(pixels, (224, 224))
    torch.testing.assert_close(resize(pixels, 224), expected, atol=1e-5, rtol=0)


# -- unCLIP's noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 250, 999])
@pytest.mark.parametrize("names", [("data_mean", "data_std"), ("mean", "std"), None])
def test_noise_augmentation_equals_diffusers(level: int, names: tuple[str, str] | None) -> None:
    diffusers = pytest.importorskip("diffusers")
    width, generator = 48, torch.Generator().manual_seed(4)
    statistics = torch.randn(1, width, generator=generator), torch.rand(1, width, generator=generator) + 0.1
    normaliser = diffusers.pipelines.stable_diffusion.StableUnCLIPImageNormalizer(embedding_dim=width)
    tensors: dict[str, Tensor] = {}
    if names is not None:
        tensors = dict(zip(names, statistics, strict=True))
        normaliser.mean.data, normaliser.std.data = statistics
    pipeline = SimpleNamespace(
        image_normalizer=normaliser,
        image_noising_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    )
    embedding, noise = (torch.randn(2, width, generator=generator) for _ in range(2))
    with torch.no_grad():
        expected = diffusers.StableUnCLIPImg2ImgPipeline.noise_image_embeddings(
            pipeline, embedding, noise_level=level, noise=noise
        )
    ours = load_noise_augmentation(tensors, width)
    vector = ours.augment(embedding, level, noise)
    assert vector.shape == (2, 2 * width)
    torch.testing.assert_close(vector, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(ours.unconditional(2), torch.zeros_like(vector))


def test_noise_augmentation_uses_the_schedule_and_statistics_of_the_file() -> None:
    signal, added = torch.tensor([1.0, 0.6]), torch.tensor([0.0, 0.8])
    tensors = {"sqrt_alphas_cumprod": signal, "sqrt_one_minus_alphas_cumprod": added}
    ours = load_noise_augmentation(tensors, 8)
    embedding, noise = torch.ones(1, 8), torch.full((1, 8), 2.0)
    assert torch.equal(ours.augment(embedding, 0, noise)[:, :8], embedding)
    torch.testing.assert_close(ours.augment(embedding, 1, noise)[:, :8], torch.full((1, 8), 2.2))
    with pytest.raises(InvalidField, match="0 to 1"):
        ours.augment(embedding, 2, noise)
    with pytest.raises(ValueError, match="8 wide, not 16"):
        load_noise_augmentation({"data_mean": torch.zeros(1, 8), "data_std": torch.ones(1, 8)}, 16)
