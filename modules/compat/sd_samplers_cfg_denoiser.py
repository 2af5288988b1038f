"""`modules.sd_samplers_cfg_denoiser` of the older UI: the model with guidance, as samplers of extensions call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def catenate_conds(conds: Any) -> Any:
    """Conditionings one behind the other."""
    import torch

    if not isinstance(conds[0], dict):
        return torch.cat(list(conds))
    return {key: torch.cat([each[key] for each in conds]) for key in conds[0]}


def subscript_cond(cond: Any, a: int, b: int) -> Any:
    """The rows from a to b of a conditioning."""
    if not isinstance(cond, dict):
        return cond[a:b]
    return {key: value[a:b] for key, value in cond.items()}


def pad_cond(tensor: Any, repeats: int, empty: Tensor) -> Any:
    """A conditioning made longer by so many chunks of the empty prompt."""
    import torch

    if isinstance(tensor, dict):
        tensor["crossattn"] = pad_cond(tensor["crossattn"], repeats, empty)
        return tensor
    return torch.cat([tensor, empty.repeat((tensor.shape[0], repeats, 1))], dim=1)


class CFGDenoiser:
    """The model with guidance. Args: sampler: that works with it.

    The jobs of the program have a denoiser of their own; `script_callbacks` change what that does.
    """

    def __init__(self, sampler: Any) -> None:
        self.model_wrap: Any = None
        self.mask: Any = None
        self.nmask: Any = None
        self.init_latent: Any = None
        self.steps: int | None = None
        self.total_steps: int | None = None
        self.step = 0
        self.image_cfg_scale: float | None = None
        self.padded_cond_uncond = self.padded_cond_uncond_v0 = False
        self.sampler = sampler
        self.p: Any = None
        self.cond_scale_miltiplier = 1.0
        self.need_last_noise_uncond = False
        self.last_noise_uncond: Any = None
        self.mask_before_denoising = False
        self.classic_ddim_eps_estimation = False

    @property
    def inner_model(self) -> Any:
        """The model without guidance."""
        if self.model_wrap is None:
            from modules.compat.sd_models import model_data
            from modules.compat.sd_samplers_running import ModelWrap

            model = getattr(self.sampler, "sd_model", None) or model_data.get_sd_model()
            self.model_wrap = ModelWrap.of(model)
        return self.model_wrap

    def update_inner_model(self) -> None:
        """Take the model that is loaded now."""
        self.model_wrap = None

    def combine_denoised(self, x_out: Any, conds_list: Any, uncond: Any, cond_scale: float) -> Any:
        """Predictions for the parts of the prompts, the negative's last, made one."""
        denoised_uncond = x_out[-uncond.shape[0] :]
        denoised = denoised_uncond.clone()
        for number, conds in enumerate(conds_list):
            for row, weight in conds:
                denoised[number] += (x_out[row] - denoised_uncond[number]) * (weight * cond_scale)
        return denoised

    def get_pred_x0(self, x_in: Any, x_out: Any, sigma: Any) -> Any:
        """The clean latents of a prediction."""
        return x_out

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        uncond: Any,
        cond: Any,
        cond_scale: float,
        s_min_uncond: float = 0.0,
        image_cond: Any = None,
    ) -> Tensor:
        """Denoised latents `[B, 4, h, w]` with guidance. Args: x: `clean + sigma * noise`; sigma: `[B]`."""
        from modules.compat.sd_samplers_running import guided

        result = guided(
            self, x, sigma, uncond, cond, cond_scale * self.cond_scale_miltiplier, s_min_uncond, image_cond
        )
        self.step += 1
        return result

    __call__ = forward
