"""Callbacks in the CFG denoiser: looks at every call, and halves the result where it is told to."""

import gradio as gr
import torch

import modules.scripts as scripts
from modules import devices, script_callbacks
from modules.script_callbacks import AfterCFGCallbackParams, CFGDenoisedParams, CFGDenoiserParams

log = {"denoiser": 0, "denoised": 0, "after": 0, "shapes": [], "steps": []}
strength = {"shrink": 1.0, "noise": 0.0}


def denoiser(params: CFGDenoiserParams):
    log["denoiser"] += 1
    log["shapes"].append([list(params.x.shape), list(params.sigma.shape)])
    log["steps"].append([params.sampling_step, params.total_sampling_steps])
    assert params.text_cond is not None and params.text_uncond is not None
    if strength["noise"] and params.sampling_step == 0:
        params.x = params.x + strength["noise"] * torch.ones_like(params.x)


def denoised(params: CFGDenoisedParams):
    log["denoised"] += 1
    assert params.x.shape[1] == 4 and params.x.device.type == devices.device.type


def after_cfg(params: AfterCFGCallbackParams):
    log["after"] += 1
    if strength["shrink"] != 1.0:
        params.x = params.x * strength["shrink"]


class Script(scripts.Script):
    def title(self):
        return "Denoise watch"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with gr.Accordion(label="Denoise watch", open=False):
            shrink = gr.Slider(0.0, 1.0, value=1.0, label="Shrink", elem_id=self.elem_id("shrink"))
            noise = gr.Slider(
                minimum=0.0, maximum=5.0, value=0.0, label="Offset", elem_id=self.elem_id("noise")
            )
        return [shrink, noise]

    def process_batch(self, p, shrink, noise, **kwargs):
        strength.update(shrink=shrink, noise=noise)
        if not hasattr(self, "callbacks_added"):
            script_callbacks.on_cfg_denoiser(denoiser)
            script_callbacks.on_cfg_denoised(denoised)
            script_callbacks.on_cfg_after_cfg(after_cfg)
            self.callbacks_added = True

    def postprocess_batch(self, p, *args, **kwargs):
        script_callbacks.remove_callbacks_for_function(denoiser)
        script_callbacks.remove_callbacks_for_function(denoised)
        script_callbacks.remove_callbacks_for_function(after_cfg)
        self.__dict__.pop("callbacks_added", None)


def on_app_started(demo, app):
    def taken():
        answer = {**log, "shapes": list(log["shapes"]), "steps": list(log["steps"])}
        log.update(denoiser=0, denoised=0, after=0, shapes=[], steps=[])
        return answer

    app.add_api_route("/denoise-watch", taken, methods=["GET"])


script_callbacks.on_app_started(on_app_started)
