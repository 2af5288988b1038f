"""`POST /sdapi/v1/img2img`: pictures from pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from modules.faults import InvalidField
from modules.generation.from_settings import fetch_rules, picture_options
from modules.generation.requests import MASKED_CONTENTS, ImageToImage, Mask
from modules.imaging.fetching import picture_bytes
from modules.imaging.inputs import InputStore
from modules.rest.bodies import CheckedRoute
from modules.rest.errors import NotFound
from modules.rest.generation import Generation, common_fields
from modules.rest.generation_bodies import ImageToImageBody
from modules.rest.services import Scripts
from modules.settings.model import Settings


def to_request(
    body: ImageToImageBody, settings: Settings, inputs: InputStore, scripts: Scripts | None = None
) -> ImageToImage:
    """The request that the body describes; its pictures are kept.

    Raises: NotFound: there is no picture; InvalidField: a value out of range, or a picture that can't be read;
        NotSupported: something that this version doesn't do.
    """
    if not body.init_images:
        raise NotFound("Init image not found")
    fields = common_fields(body, settings, scripts)
    options = picture_options(settings)

    def keep(text: str, field: str) -> str:
        return inputs.put(picture_bytes(text, field, fetch_rules(settings)), field)

    if body.initial_noise_multiplier is not None:
        options = replace(options, noise_multiplier=body.initial_noise_multiplier)
    return ImageToImage(
        **_sized(fields, len(body.init_images)),
        init_images=tuple(keep(image, "init_images") for image in body.init_images),
        denoising_strength=body.denoising_strength,
        resize_mode=body.resize_mode,
        image_cfg_scale=body.image_cfg_scale,
        mask=None if body.mask is None else _mask(body, keep(body.mask, "mask")),
        picture=options,
    )


def _sized(fields: dict[str, Any], images: int) -> dict[str, Any]:
    """Several pictures to begin with make a batch of that many."""
    return fields if images == 1 else {**fields, "batch_size": images}


def _mask(body: ImageToImageBody, image: str) -> Mask:
    if not 0 <= body.inpainting_fill < len(MASKED_CONTENTS):
        raise InvalidField(
            "inpainting_fill", f"inpainting_fill must be from 0 to {len(MASKED_CONTENTS) - 1}."
        )
    both = body.mask_blur
    return Mask(
        image=image,
        blur_x=body.mask_blur_x if both is None else both,
        blur_y=body.mask_blur_y if both is None else both,
        invert=bool(body.inpainting_mask_invert),
        content=MASKED_CONTENTS[body.inpainting_fill],
        only_masked=bool(body.inpaint_full_res),
        padding=body.inpaint_full_res_padding,
        soft=not body.mask_round,
    )


def routes(generation: Generation, inputs: InputStore, scripts: Scripts) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.post("/img2img")
    async def img2img(body: ImageToImageBody, request: Request) -> dict[str, Any]:
        """Make pictures from pictures, and wait for them."""
        return await generation.run(
            body, lambda body, settings: to_request(body, settings, inputs, scripts), request
        )

    return router
