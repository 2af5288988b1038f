"""`modules.realesrgan_model` of the older UI: the class of its upscalers. Their files are read without it."""

from __future__ import annotations

from modules.compat.upscaler import UpscalerNone


class UpscalerRealESRGAN(UpscalerNone):
    """Has no entries of its own: `shared.sd_upscalers` lists the files."""

    name = "RealESRGAN"
