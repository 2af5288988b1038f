"""Routes of its own, with bodies, pictures in base64, the queue's lock and the models."""

from typing import Optional

import gradio as gr
from fastapi import Body, FastAPI, HTTPException
from pydantic import BaseModel

from modules import devices, script_callbacks, sd_models, sd_samplers, shared
from modules.api.api import decode_base64_to_image, encode_pil_to_base64
from modules.call_queue import queue_lock


class Order(BaseModel):
    word: str
    times: Optional[int] = 1


def own_routes(_: Optional[gr.Blocks], app: FastAPI):
    @app.get("/own-routes/version")
    async def version():
        return {
            "version": 3,
            "device": str(devices.device),
            "samplers": [s.name for s in sd_samplers.all_samplers],
        }

    @app.post("/own-routes/repeat")
    async def repeat(order: Order):
        if order.times > 9:
            raise HTTPException(status_code=422, detail="Too often")
        return {"words": [order.word] * order.times}

    @app.post("/own-routes/flip")
    async def flip(image: str = Body("", title="a picture"), upside_down: bool = Body(False)):
        from PIL import ImageOps

        picture = decode_base64_to_image(image)
        picture = ImageOps.flip(picture) if upside_down else ImageOps.mirror(picture)
        return {"image": encode_pil_to_base64(picture).decode("ascii")}

    @app.get("/own-routes/models")
    def models():
        with queue_lock:
            listed = [info.title for info in sd_models.checkpoints_list.values()]
        return {
            "models": listed,
            "loaded": shared.sd_model.sd_checkpoint_info.name,
            "sdxl": shared.sd_model.is_sdxl,
        }

    @app.get("/own-routes/broken")
    def broken():
        raise RuntimeError("this route is broken")


try:
    script_callbacks.on_app_started(own_routes)
except Exception:
    print("own-routes: no callbacks here")
