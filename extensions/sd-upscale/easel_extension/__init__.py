"""SD upscale and Tiled diffusion upscale: pictures that are larger than the model could make at once."""

from __future__ import annotations

from functools import partial

from modules.plugins.hooks import Me, Script, hookimpl

from . import by_tiles, by_windows


@hookimpl
def scripts(me: Me) -> list[Script]:
    return [
        Script(
            by_tiles.TITLE,
            by_tiles.run,
            partial(by_tiles.build, me),
            by_tiles.DEFAULTS,
            ("img2img",),
            ("sd_upscale", "sd-upscale"),
        ),
        Script(
            by_windows.TITLE,
            by_windows.run,
            partial(by_windows.build, me),
            by_windows.DEFAULTS,
            ("img2img",),
            ("tiled_diffusion_upscale",),
        ),
    ]
