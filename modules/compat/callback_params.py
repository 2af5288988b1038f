"""What the older UI's callbacks are handed. They may change most of it; see `script_callbacks.py`."""

from __future__ import annotations

from typing import Any


class ImageSaveParams:
    """A picture that is being saved. Args: p: the processing object, or None; pnginfo: `{"parameters": infotext}`."""

    def __init__(self, image: Any, p: Any, filename: str, pnginfo: dict[str, Any]) -> None:
        self.image = image
        self.p = p
        self.filename = filename
        self.pnginfo = pnginfo


class ExtraNoiseParams:
    """The extra noise of img2img and hires fix. Args: noise, x, xi: noise, latents, and latents with the noise."""

    def __init__(self, noise: Any, x: Any, xi: Any) -> None:
        self.noise = noise
        self.x = x
        self.xi = xi


class CFGDenoiserParams:
    """What the model is about to be asked.

    Args:
        x: noisy latents `[N, 4, h, w]`; sigma: `[N]`.
        text_cond, text_uncond: the encoded prompts.
        image_cond: what an inpainting or editing model sees besides.
    """

    def __init__(
        self,
        x: Any,
        image_cond: Any,
        sigma: Any,
        sampling_step: int,
        total_sampling_steps: int,
        text_cond: Any,
        text_uncond: Any,
        denoiser: Any = None,
    ) -> None:
        self.x = x
        self.image_cond = image_cond
        self.sigma = sigma
        self.sampling_step = sampling_step
        self.total_sampling_steps = total_sampling_steps
        self.text_cond = text_cond
        self.text_uncond = text_uncond
        self.denoiser = denoiser


class CFGDenoisedParams:
    """What the model answered, before guidance: `x` `[N, 4, h, w]`."""

    def __init__(self, x: Any, sampling_step: int, total_sampling_steps: int, inner_model: Any) -> None:
        self.x = x
        self.sampling_step = sampling_step
        self.total_sampling_steps = total_sampling_steps
        self.inner_model = inner_model


class AfterCFGCallbackParams:
    """The guess of the clean latents, with guidance: `x` `[B, 4, h, w]`."""

    def __init__(self, x: Any, sampling_step: int, total_sampling_steps: int) -> None:
        self.x = x
        self.sampling_step = sampling_step
        self.total_sampling_steps = total_sampling_steps


class UiTrainTabParams:
    """The training tab."""

    def __init__(self, txt2img_preview_params: Any) -> None:
        self.txt2img_preview_params = txt2img_preview_params


class ImageGridLoopParams:
    """A grid of pictures that is about to be made."""

    def __init__(self, imgs: list[Any], cols: int, rows: int) -> None:
        self.imgs = imgs
        self.cols = cols
        self.rows = rows


class BeforeTokenCounterParams:
    """A prompt whose tokens are about to be counted."""

    def __init__(self, prompt: str, steps: int, styles: list[Any], *, is_positive: bool = True) -> None:
        self.prompt = prompt
        self.steps = steps
        self.styles = styles
        self.is_positive = is_positive
