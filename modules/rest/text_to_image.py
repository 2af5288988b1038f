"""`POST /sdapi/v1/txt2img`: pictures from a prompt."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from modules.generation.from_settings import fetch_rules
from modules.generation.requests import HiresFix, TextToImage
from modules.imaging.fetching import picture_bytes
from modules.imaging.inputs import InputStore
from modules.rest.bodies import CheckedRoute
from modules.rest.generation import Generation, common_fields
from modules.rest.generation_bodies import TextToImageBody
from modules.rest.services import Scripts
from modules.settings.model import Settings

DEFAULT_UPSCALER = "Latent"


def to_request(
    body: TextToImageBody,
    settings: Settings,
    inputs: InputStore | None = None,
    scripts: Scripts | None = None,
) -> TextToImage:
    """The request that the body describes; what it leaves open comes from the settings.

    Raises: InvalidField: a value out of range; NotSupported: something that this version doesn't do.
    """
    fields = common_fields(body, settings, scripts)
    hires = _hires(body) if body.enable_hr else None
    first_pass = None
    if hires is not None and body.firstpass_image and inputs is not None:
        data = picture_bytes(body.firstpass_image, "firstpass_image", fetch_rules(settings))
        first_pass = inputs.put(data, "firstpass_image")
    if hires is not None and (body.firstphase_width or body.firstphase_height):
        fields |= {"width": body.firstphase_width, "height": body.firstphase_height}
    return TextToImage(**fields, hires=hires, first_pass=first_pass)


def _hires(body: TextToImageBody) -> HiresFix:
    # very old clients say the size of the first pass, and mean that of the result by width and height
    old = bool(body.firstphase_width or body.firstphase_height)
    return HiresFix(
        scale=body.hr_scale,
        width=body.width if old else body.hr_resize_x,
        height=body.height if old else body.hr_resize_y,
        upscaler=body.hr_upscaler or DEFAULT_UPSCALER,
        steps=body.hr_second_pass_steps,
        denoising_strength=body.denoising_strength,
        sampler=_other(body.hr_sampler_name, "Use same sampler"),
        scheduler=_other(body.hr_scheduler, "Use same scheduler"),
        checkpoint=_other(body.hr_checkpoint_name, "Use same checkpoint"),
        prompt=body.hr_prompt,
        negative_prompt=body.hr_negative_prompt,
    )


def _other(name: str | None, same: str) -> str | None:
    return None if not name or name == same else name


def routes(generation: Generation, inputs: InputStore | None, scripts: Scripts) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.post("/txt2img")
    async def txt2img(body: TextToImageBody, request: Request) -> dict[str, Any]:
        """Make pictures from a prompt, and wait for them."""
        return await generation.run(
            body, lambda body, settings: to_request(body, settings, inputs, scripts), request
        )

    return router
