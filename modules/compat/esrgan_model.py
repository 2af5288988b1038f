"""`modules.esrgan_model` of the older UI: the class of its ESRGAN upscalers. Their files are read without it."""

from __future__ import annotations

from modules.compat.upscaler import UpscalerNone


class UpscalerESRGAN(UpscalerNone):
    """Has no entries of its own: `shared.sd_upscalers` lists the files."""

    name = "ESRGAN"
