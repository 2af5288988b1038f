"""The loaded model as the older UI's object `shared.sd_model`; its networks are those that jobs use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from modules.compat.sd_model_text import Conditioner, FindEmbeddings, TextFace, usable
from modules.models import vae_decoding
from modules.models.noise_schedule import TIMESTEPS
from modules.models.placement import placed

if TYPE_CHECKING:
    from modules.models.latent_diffusion import LatentDiffusion

_KEYS = {
    "none": "crossattn",
    "inpainting": "hybrid",
    "edit": "hybrid",
    "depth": "hybrid",
    "upscale": "hybrid-adm",
}


class DiagonalGaussianDistribution:
    """What the VAE's encoder gives. Args: mean, logvar: unscaled, `[B, 4, h, w]`."""

    def __init__(self, mean: Tensor, logvar: Tensor) -> None:
        self.mean, self.logvar = mean, logvar
        self.std, self.var = torch.exp(0.5 * logvar), torch.exp(logvar)

    def sample(self) -> Tensor:
        """Latents drawn from it."""
        return self.mean + self.std * torch.randn_like(self.mean)

    def mode(self) -> Tensor:
        """The most likely latents."""
        return self.mean


class FirstStage(nn.Module):
    """The VAE: `encode` gives a distribution, `decode` takes unscaled latents."""

    def __init__(self, model: LatentDiffusion) -> None:
        super().__init__()
        self._loaded = model
        vae = model.vae
        self.encoder, self.decoder = vae.encoder, vae.decoder
        self.quant_conv, self.post_quant_conv = vae.quant_conv, vae.post_quant_conv
        self.embed_dim = vae.config.latent_channels
        for half in (vae.encoder, vae.decoder):  # what code for the original network reads off it
            half.num_resolutions = len(vae.config.multipliers)  # type: ignore[assignment]
            half.num_res_blocks = vae.config.residual_blocks  # type: ignore[assignment]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.decoder.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Their type."""
        return next(self.decoder.parameters()).dtype

    def encode(self, x: Tensor) -> DiagonalGaussianDistribution:
        """Pictures `[B, 3, H, W]` in -1..1."""
        with placed(self._loaded, "vae"):
            weight = next(self.encoder.parameters())
            mean, logvar = self._loaded.vae.moments(x.to(weight))
        return DiagonalGaussianDistribution(mean.to(x), logvar.to(x))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Unscaled latents `[B, 4, h, w]` to pictures `[B, 3, H, W]`, about -1..1."""
        scaled = z * self._loaded.vae.config.scale
        decoded = torch.stack([vae_decoding.decode(self._loaded, one) for one in scaled])
        return usable(decoded).to(z)

    def forward(self, x: Tensor) -> Tensor:
        """A picture through the VAE and back."""
        return self.decode(self.encode(x).mode())


class DiffusionWrapper(nn.Module):
    """The U-Net with the older way of telling it conditions."""

    def __init__(self, model: LatentDiffusion) -> None:
        super().__init__()
        self._loaded = model
        self.diffusion_model = model.unet
        sdxl = model.family.vector in ("sizes", "aesthetic")
        self.conditioning_key = (
            "crossattn-adm" if model.family.vector == "image" else _KEYS[model.family.picture]
        )
        self.conditioning_key = "hybrid" if sdxl and model.family.picture != "none" else self.conditioning_key

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Sequence[Tensor] | None = None,
        c_crossattn: Sequence[Tensor] | None = None,
        c_adm: Tensor | None = None,
    ) -> Tensor:
        """Noisy latents in the model's own scaling `[B, 4, h, w]` to the U-Net's answer, of the same shape."""
        with placed(self._loaded, "unet"):
            weight = next(self.diffusion_model.parameters())
            inputs = torch.cat([x, *(each.to(x) for each in c_concat or ())], dim=1).to(weight)
            context = torch.cat(list(c_crossattn or ()), dim=1).to(weight)
            vector = None if c_adm is None else c_adm.to(weight.device)
            return self.diffusion_model(inputs, t.to(weight.device), context, vector).to(x.dtype)


class SdModel(nn.Module):
    """`shared.sd_model`. What moves or converts it does nothing: the program places its networks itself.

    Args: embeddings: finds the words with vectors of their own.
    """

    def __init__(self, model: LatentDiffusion, embeddings: FindEmbeddings) -> None:
        super().__init__()
        self.loaded = model
        family, alphas = model.family, model.alphas_cumprod.to(model.compute.device)
        self.model = DiffusionWrapper(model)
        self.first_stage_model = FirstStage(model)
        self.is_sdxl = family.vector in ("sizes", "aesthetic")
        if self.is_sdxl:
            self.conditioner = Conditioner(model, embeddings)
            self.cond_stage_model: Any = self.conditioner
        else:
            self.cond_stage_model = TextFace(model, 0, embeddings)
        sd2 = family.name.startswith("Stable Diffusion 2")
        self.is_sd2, self.is_sd1, self.is_sd3 = sd2, not sd2 and not self.is_sdxl, False
        self.is_sdxl_inpaint = self.is_sdxl and family.picture == "inpainting"
        self.is_ssd = self.is_sdxl and not model.unet.config.middle_depth
        self.parameterization = "v" if model.prediction == "v" else "eps"
        self.cond_stage_key = "edit" if family.picture == "edit" else "txt"
        self.first_stage_key, self.scale_factor = "jpg", model.vae.config.scale
        self.latent_channels = self.channels = model.vae.config.latent_channels
        self.num_timesteps, self.lowvram, self.use_ema = TIMESTEPS, model.compute.takes_turns, False
        self.used_config = str(model.checkpoint.yaml or "")
        self.ztsnr = False
        self.extra_generation_params: dict[str, Any] = {}
        self.alphas_cumprod, self.alphas_cumprod_original = alphas, alphas
        self.alphas_cumprod_prev = torch.cat([alphas.new_ones(1), alphas[:-1]])
        self.betas = 1 - alphas / self.alphas_cumprod_prev
        self.sqrt_alphas_cumprod, self.sqrt_one_minus_alphas_cumprod = alphas.sqrt(), (1 - alphas).sqrt()
        self.sqrt_recip_alphas_cumprod = (1 / alphas).sqrt()
        self.sqrt_recipm1_alphas_cumprod = (1 / alphas - 1).sqrt()
        self.log_one_minus_alphas_cumprod = (1 - alphas).log()

    # -- what it is --

    @property
    def sd_checkpoint_info(self) -> Any:
        """The checkpoint's `CheckpointInfo`."""
        from modules.compat.sd_models import info_of

        return info_of(self.loaded.checkpoint)

    @property
    def sd_model_hash(self) -> str | None:
        """The first ten digits of its SHA-256."""
        return self.loaded.checkpoint.short_hash

    @property
    def sd_model_checkpoint(self) -> str:
        """The path of its file."""
        return str(self.loaded.checkpoint.path)

    @property
    def filename(self) -> str:
        """The same."""
        return self.sd_model_checkpoint

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.loaded.compute.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the U-Net's weights."""
        return next(self.loaded.unet.parameters()).dtype

    # -- what it does --

    def get_learned_conditioning(self, texts: Any) -> Any:
        """Texts to `[B, 77 * chunks, width]`; for SDXL a dict with `crossattn` and `vector`."""
        return self.cond_stage_model(texts)

    def get_unconditional_conditioning(self, batch_size: int, null_label: Any = None) -> Any:
        """The conditioning of no text."""
        return self.get_learned_conditioning([""] * batch_size)

    def encode_first_stage(self, x: Tensor) -> DiagonalGaussianDistribution:
        """Pictures `[B, 3, H, W]` in -1..1 to a distribution of latents."""
        return self.first_stage_model.encode(x)

    def get_first_stage_encoding(self, posterior: Any) -> Tensor:
        """Scaled latents `[B, 4, h, w]` out of a distribution: its mean, so that they are always the same."""
        latents = (
            posterior.mode()
            if hasattr(posterior, "mode") and not isinstance(posterior, Tensor)
            else posterior
        )
        return latents * self.scale_factor

    def decode_first_stage(self, z: Tensor) -> Tensor:
        """Scaled latents `[B, 4, h, w]` to pictures `[B, 3, H, W]`, about -1..1."""
        return self.first_stage_model.decode(z / self.scale_factor)

    def apply_model(self, x_noisy: Tensor, t: Tensor, cond: Any, **options: Any) -> Tensor:
        """The U-Net's answer to noisy latents. Args: cond: a tensor, or a dict as the older UI has it."""
        if isinstance(cond, Mapping):
            texts = cond.get("c_crossattn", cond.get("crossattn"))
            vector = cond.get("vector", cond.get("c_adm"))
            picture = cond.get("c_concat", cond.get("concat"))
        else:
            texts, vector, picture = cond, None, None
        return self.model(x_noisy, t, _listed(picture), _listed(texts), vector)

    def forward(self, x: Tensor, t: Tensor, cond: Any) -> Tensor:
        """The same."""
        return self.apply_model(x, t, cond)

    def q_sample(self, x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
        """Clean latents with the noise of timesteps `[B]`."""
        noise = torch.randn_like(x_start) if noise is None else noise
        return (
            _at(self.sqrt_alphas_cumprod, t, x_start) * x_start
            + _at(self.sqrt_one_minus_alphas_cumprod, t, x_start) * noise
        )

    def predict_eps_from_z_and_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """The noise that a velocity means."""
        return (
            _at(self.sqrt_alphas_cumprod, t, x_t) * v + _at(self.sqrt_one_minus_alphas_cumprod, t, x_t) * x_t
        )

    def predict_start_from_z_and_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """The clean latents that a velocity means."""
        return (
            _at(self.sqrt_alphas_cumprod, t, x_t) * x_t - _at(self.sqrt_one_minus_alphas_cumprod, t, x_t) * v
        )

    # -- what does nothing --

    def to(self, *args: Any, **kwargs: Any) -> SdModel:
        """Nothing is moved."""
        return self

    def half(self) -> SdModel:
        """Nothing is converted."""
        return self

    def float(self) -> SdModel:
        """Nothing is converted."""
        return self

    def cpu(self) -> SdModel:
        """Nothing is moved."""
        return self

    def cuda(self, device: Any = None) -> SdModel:
        """Nothing is moved."""
        return self

    def train(self, mode: bool = True) -> SdModel:
        """It never trains."""
        return self


def _listed(value: Any) -> list[Tensor] | None:
    return [value] if isinstance(value, Tensor) else (None if value is None else list(value))


def _at(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """Values of timesteps `[B]`, shaped for latents."""
    return values.to(like)[t.long().to(like.device)].reshape(-1, *(1,) * (like.ndim - 1))
