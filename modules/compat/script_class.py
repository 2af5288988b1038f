"""The class whose subclasses are the older UI's scripts: its hooks, about in the order in which they are called.

A script overrides what it needs; the empty ones do nothing. `*args` are the values of its controls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class _AlwaysVisible:
    """The answer of `show` that makes a script part of the form."""

    def __repr__(self) -> str:
        return "AlwaysVisible"


AlwaysVisible = _AlwaysVisible()


class MaskBlendArgs:
    """Latents that what a mask keeps is put over: the script sets `blended_latent`."""

    def __init__(
        self,
        current_latent: Any,
        nmask: Any,
        init_latent: Any,
        mask: Any,
        blended_latent: Any,
        denoiser: Any = None,
        sigma: Any = None,
    ) -> None:
        self.current_latent = current_latent
        self.nmask = nmask
        self.init_latent = init_latent
        self.mask = mask
        self.blended_latent = blended_latent
        self.denoiser = denoiser
        self.is_final_blend = denoiser is None
        self.sigma = sigma


class PostSampleArgs:
    """Latents of a batch that is sampled."""

    def __init__(self, samples: Any) -> None:
        self.samples = samples


class PostprocessImageArgs:
    """A picture that is decoded. Args: index: its place in the batch."""

    def __init__(self, image: Any, index: int = 0) -> None:
        self.image = image
        self.index = index


class PostProcessMaskOverlayArgs:
    """What is put over a picture: the mask and the original, for the picture of this place."""

    def __init__(self, index: int, mask_for_overlay: Any, overlay_image: Any) -> None:
        self.index = index
        self.mask_for_overlay = mask_for_overlay
        self.overlay_image = overlay_image


class PostprocessBatchListArgs:
    """The decoded pictures of a batch: tensors `[3, H, W]`, 0 to 1."""

    def __init__(self, images: list[Any]) -> None:
        self.images = images


@dataclass
class OnComponent:
    """What a callback of `Script.on_after_component` gets."""

    component: Any


class Script:
    """A script of the older UI. `self` lives as long as the page; the txt2img and img2img tabs have one each."""

    name: str | None = None
    """Its title, in lower case."""
    section: str | None = None
    filename: str | None = None
    args_from: int | None = None
    args_to: int | None = None
    """Where its values are among all scripts' values."""
    alwayson = False
    is_txt2img = False
    is_img2img = False
    tabname: str | None = None
    group: Any = None
    """The Gradio block around its controls."""
    create_group = True
    infotext_fields: list[Any] | None = None
    """`(component, name in the recipe)`: filled when a recipe is read."""
    paste_field_names: list[str] | None = None
    api_info: Any = None
    on_before_component_elem_id: list[tuple[str, Callable[..., Any]]] | None = None
    on_after_component_elem_id: list[tuple[str, Callable[..., Any]]] | None = None
    setup_for_ui_only = False
    """Only its controls count; its hooks are not called."""
    controls: list[Any] | None = None
    sorting_priority = 0
    extension = ""
    """The extension's folder's name; ours."""
    key = ""
    """`file/class`, in lower case: its values are named `key:0`, `key:1`, ... in a request; ours."""
    failed = False
    """Its controls could not be built, so it takes no part; ours."""

    def title(self) -> str:
        """Its name, as menus and the API have it."""
        raise NotImplementedError

    def ui(self, is_img2img: bool) -> Any:
        """Makes its controls, and returns them as a list."""

    def show(self, is_img2img: bool) -> Any:
        """False: not in this tab; True: in the Script menu; `AlwaysVisible`: part of the form."""
        return True

    def run(self, p: Any, *args: Any) -> Any:
        """Carries the request out, where it was chosen in the menu; returns a `Processed`."""

    def setup(self, p: Any, *args: Any) -> None:
        """`p` was made; nothing else is done."""

    def before_process(self, p: Any, *args: Any) -> None:
        """Before anything is read from `p`."""

    def process(self, p: Any, *args: Any) -> None:
        """Before the first batch; prompts and seeds are known."""

    def before_process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """Before a batch's prompts are read: `batch_number`, `prompts`, `seeds`, `subseeds`."""

    def after_extra_networks_activate(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """The networks that a batch's prompts name are on; also `extra_network_data`."""

    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """Before each pass: `x`, `noise`, `c`, `uc`."""

    def process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """Before a batch is sampled; arguments as `before_process_batch`."""

    def postprocess_batch(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """A batch is decoded: `images` is a tensor `[B, 3, H, W]`, 0 to 1."""

    def postprocess_batch_list(self, p: Any, pp: PostprocessBatchListArgs, *args: Any, **kwargs: Any) -> None:
        """The same as a list, which may be changed."""

    def on_mask_blend(self, p: Any, mba: MaskBlendArgs, *args: Any) -> None:
        """What a mask keeps was put over the latents."""

    def post_sample(self, p: Any, ps: PostSampleArgs, *args: Any) -> None:
        """A batch is sampled and not yet decoded."""

    def postprocess_image(self, p: Any, pp: PostprocessImageArgs, *args: Any) -> None:
        """A picture is decoded."""

    def postprocess_maskoverlay(self, p: Any, ppmo: PostProcessMaskOverlayArgs, *args: Any) -> None:
        """The original is about to be put over a picture."""

    def postprocess_image_after_composite(self, p: Any, pp: PostprocessImageArgs, *args: Any) -> None:
        """A picture is done."""

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        """All pictures are done."""

    def before_hr(self, p: Any, *args: Any) -> None:
        """Before the second pass of hires fix."""

    def before_component(self, component: Any, **kwargs: Any) -> None:
        """A component of the page is about to be made; `kwargs` has `elem_id`, `label`, ..."""

    def after_component(self, component: Any, **kwargs: Any) -> None:
        """A component of the page was made."""

    def on_before_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Have a function called before the component of this id is made."""
        self.on_before_component_elem_id = [*(self.on_before_component_elem_id or []), (elem_id, callback)]

    def on_after_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Have a function called after the component of this id was made."""
        self.on_after_component_elem_id = [*(self.on_after_component_elem_id or []), (elem_id, callback)]

    def describe(self) -> str:
        """A word on what it does."""
        return ""

    def elem_id(self, item_id: str) -> str:
        """An HTML id for one of its controls."""
        both = bool(self.show(True)) == bool(self.show(False))
        tab = ("img2img_" if self.is_img2img else "txt2img_") if both else ""
        title = re.sub(r"[^a-z_0-9]", "", re.sub(r"\s", "_", self.title().lower()))
        return f"script_{tab}{title}_{item_id}"


class ScriptBuiltinUI(Script):
    """A part of the older UI's own form; extensions seldom make one."""

    setup_for_ui_only = True

    def elem_id(self, item_id: str) -> str:
        """An HTML id as the form's own parts have it."""
        both = bool(self.show(True)) == bool(self.show(False))
        tab = ("img2img_" if self.is_img2img else "txt2img_") if both else ""
        return f"{tab}{item_id}"


HOOKS = (
    "setup",
    "before_process",
    "process",
    "before_process_batch",
    "after_extra_networks_activate",
    "process_before_every_sampling",
    "process_batch",
    "postprocess_batch",
    "postprocess_batch_list",
    "on_mask_blend",
    "post_sample",
    "postprocess_image",
    "postprocess_maskoverlay",
    "postprocess_image_after_composite",
    "postprocess",
    "before_hr",
)
"""The hooks of a generation."""
