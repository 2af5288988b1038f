"""Parts of the form that belong to some tabs only: hires fix, and how pictures become pictures."""

from __future__ import annotations

from modules.pages.components import Form, only
from modules.pages.fields import HIRES, HIRES_ID, HIRES_MORE
from modules.pages.markup import piece


def of_pictures(form: Form) -> None:
    """What the tabs with a picture ask first: how much may change, and where."""
    import gradio as gr

    form.number("denoising_strength", step=0.01)
    form.number("outpaint.denoising_strength", step=0.01)
    with gr.Column(elem_id="img2img_mask", elem_classes=["easel-group", *only("inpaint")]):
        form.segments("mask.invert")
        form.segments("mask.only_masked")
        form.number("mask.padding", step=4)
        form.number("mask.blur")
        form.choice("mask.content")
        form.switch(
            "mask.soft",
            "Soft inpainting",
            "img2img_soft_inpainting",
            "Shades of the mask are shades of change",
        )
    with gr.Column(elem_id="img2img_size", elem_classes=["easel-group", *only("img2img", "inpaint")]):
        with gr.Row(elem_classes="easel-joined"):
            form.number("picture.width", step=8)
            piece("picture_size_buttons")
            form.number("picture.height", step=8)
        piece("resize_by")
        form.segments("resize_mode")
    with gr.Column(elem_id="outpaint_options", elem_classes=["easel-group", *only("outpaint")]):
        piece("outpaint_repeat")


def hires(form: Form) -> None:
    """The second pass of a text's picture."""
    import gradio as gr

    with gr.Column(elem_id="txt2img_hires", elem_classes=["easel-card", *only("txt2img")]):
        form.switch(HIRES, "Hires fix", HIRES_ID)
        piece("hires_summary")
        with gr.Column(elem_id="txt2img_hires_body"):
            form.choice("hires.upscaler")
            form.number("hires.scale", step=0.05)
            with gr.Row(elem_classes="easel-pair"):
                form.number("hires.width", step=8, placeholder="Auto")
                form.number("hires.height", step=8, placeholder="Auto")
            form.number("hires.denoising_strength", step=0.01)
            with gr.Accordion("Second pass", open=False, elem_id=HIRES_MORE, elem_classes="easel-fold"):
                with gr.Row(elem_classes="easel-pair"):
                    form.number("hires.steps", placeholder="As above")
                    form.number("hires.cfg_scale", step=0.5, placeholder="As above")
                with gr.Row(elem_classes="easel-pair"):
                    form.choice("hires.sampler")
                    form.choice("hires.scheduler")
                form.choice("hires.checkpoint")
                form.text("hires.prompt", "As above", lines=2)
                form.text("hires.negative_prompt", "As above", lines=1)


def other_files(form: Form) -> None:
    """Another VAE, and a second checkpoint that finishes the picture."""
    import gradio as gr

    form.choice("vae")
    with gr.Row(elem_classes=["easel-pair", "easel-pair-wide"], elem_id="txt2img_refiner"):
        form.choice("refiner.checkpoint")
        form.number("refiner.switch_at", step=0.05)


def finer(form: Form) -> None:
    """What some kinds of checkpoints understand, among the advanced settings."""
    import gradio as gr

    with gr.Row(elem_classes=["easel-pair", *only("img2img", "inpaint", "outpaint")]):
        form.number("image_cfg_scale", step=0.1, placeholder="Editing models")
        form.number("picture.mask_weight", step=0.05, placeholder="As in the settings")
