"""The older UI's scripts within our generation: `OlderGeneration` calls their methods where they belong.

Their order is the older UI's: setup, before_process, process, before_process_batch, after_extra_networks_activate,
process_batch, process_before_every_sampling, (before_hr and the second pass,) post_sample, postprocess_batch,
postprocess_batch_list, postprocess_image, postprocess_maskoverlay, postprocess_image_after_composite, postprocess.

What differs: pictures are saved one by one as they are done, so what a script puts into the place of a picture in
`postprocess` is shown besides it. `p` as `before_process_batch` leaves it is heeded as a whole for the first batch;
later batches heed the prompts and the CFG scale.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat import house, script_calls, xyz_grid
from modules.compat.older_run import MARK, OlderRun, Promise, runs
from modules.compat.processing_requests import from_request
from modules.faults import Fault, NotPossibleNow
from modules.generation.hooks import GenerationHooks, PassInfo, StepInfo
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, ImageToImage, PictureRequest, Request
from modules.generation.results import GeneratedImage
from modules.generation.upscaling import UpscalePicture

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from modules.generation.recipe import Parameters
    from modules.sampling.denoiser import Guidance, LatentMask, ModelCall

_REMEMBERED = 64
_TEMPLATES = ("Wildcard prompt", "Wildcard negative prompt")
_CALLBACKS = (
    "cfg_denoiser",
    "cfg_denoised",
    "cfg_after_cfg",
    "extra_noise",
    "before_image_saved",
    "image_saved",
)


class OlderGeneration(GenerationHooks):
    """See `GenerationHooks`. Where no script takes part, nothing is done."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, tuple[weakref.ref[Image], Any]] = OrderedDict()

    # -- the whole --

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        """See `GenerationHooks`."""
        if request.script is not None:
            return request
        runs.clean()
        mark = request.extensions.get(MARK)
        run = None if mark is None else runs.claim(mark.get("p"))
        if mark is not None:
            request = replace(request, extensions=_without_mark(request))
        if isinstance(run, OlderRun):  # `process_images` has prepared it
            run.request = request
            runs.push(run)
            return request
        if isinstance(run, Promise):
            return self._begin(OlderRun(run.p, claimed=True, promise=run))
        if not self._anybody(request):
            runs.push(None)
            return request
        p = from_request(request)
        p.scripts = runner_of(request)
        p.script_args = p.scripts.all_args(request)
        xyz_grid.apply_axes(request, p)
        return self._begin(OlderRun(p, claimed=False))

    def _begin(self, run: OlderRun) -> GenerationRequest:
        changed = run.prepare()
        runs.push(run)
        return changed

    def _anybody(self, request: PictureRequest) -> bool:
        runner = runner_of(request)
        return (
            bool(runner.alwayson_scripts)
            or xyz_grid.MARK in request.extensions
            or any(map(_registered, _CALLBACKS))
        )

    def after_generation(self, request: Request, pictures: int) -> None:
        """See `GenerationHooks`."""
        if isinstance(request, UpscalePicture) or request.script is not None:
            return
        run = runs.pop()
        if run is None:
            return
        try:
            if run.promise is not None:
                from modules.compat.processing_run import finished

                run.promise.processed = finished(run.p, run.images)
        finally:
            _take_tags_off()
            run.end()
            if not run.claimed:
                run.p.close()

    def extra_pictures(self, request: GenerationRequest) -> Iterable[GeneratedImage]:
        """See `GenerationHooks`: what scripts added in `postprocess`."""
        run = runs.top()
        if run is None or run.claimed or not script_calls.scripts_with(run.p, "postprocess"):
            return
        from modules.compat.processing_run import processed_of

        processed = processed_of(run.p, run.images)
        known = {id(image) for image in processed.images}
        before = list(processed.images)
        script_calls.tell(run.p, "postprocess", processed)
        texts = list(processed.infotexts)
        for index, image in enumerate(processed.images):
            from PIL import Image

            if id(image) in known or not isinstance(image, Image.Image):
                continue
            like = run.images[min(index, len(before) - 1)] if run.images else None
            yield GeneratedImage(
                image=image.convert("RGB"),
                number=request.pictures + index,
                seed=like.seed if like else 0,
                variation_seed=like.variation_seed if like else 0,
                infotext=texts[index] if index < len(texts) else (like.infotext if like else ""),
                kind="extra",
            )

    # -- prompts --

    def prompts(self, prompts: Prompts, request: PictureRequest, number: int) -> Prompts:
        """See `GenerationHooks`."""
        run = runs.top()
        return prompts if run is None else run.prompts(prompts, number)

    def networks_applied(self, about: PassInfo) -> None:
        """See `GenerationHooks`."""
        if run := runs.top():
            run.work_on(about)

    def before_encoding(self, prompts: Prompts, about: PassInfo) -> Prompts:
        """The prompts that are encoded, after `networks_applied`."""
        run = runs.top()
        return prompts if run is None else run.to_encode(prompts, about)

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None:
            return guidance
        from modules.compat import older_conditions

        p = run.p
        p.c, p.uc = older_conditions.of_guidance(guidance, len(about.numbers))
        p.sampler = older_conditions.SamplerView(p, about, run.request.sampler)
        if about.stage == "first" and p.cfg_scale != run.request.cfg_scale:
            guidance = replace(guidance, cfg_scale=float(p.cfg_scale))
        view = p.sampler.model_wrap_cfg
        view.weights, view.cond_scale = [weight for weight, _ in guidance.positive], guidance.cfg_scale
        return older_conditions.own_conds(p, guidance)

    # -- sampling --

    def before_second_pass(self, about: PassInfo) -> None:
        """See `GenerationHooks`."""
        if run := runs.top():
            run.p.is_hr_pass = True
            script_calls.call(run.p, "before_hr")

    def starting(self, latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        if (run := runs.top()) and self._has("process_before_every_sampling"):
            from modules.compat import older_conditions

            run.p.rng = older_conditions.noise_of(run.p, about, latents.shape)
            named = {"x": latents, "noise": noise, "c": run.p.c, "uc": run.p.uc}
            script_calls.call(run.p, "process_before_every_sampling", **named)
        return latents

    def extra_noise(self, noise: Tensor, latents: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        if not _registered("extra_noise"):
            return noise
        from modules.compat import script_callbacks

        params = script_callbacks.ExtraNoiseParams(noise, latents, latents)
        script_callbacks.extra_noise_callback(params)
        return params.noise  # type: ignore[no-any-return,unused-ignore]

    @property
    def changes_model_calls(self) -> bool:
        """See `GenerationHooks`."""
        return _registered("cfg_denoiser") or _registered("cfg_denoised") or _combines_itself()

    def model_call(self, call: ModelCall, about: PassInfo) -> ModelCall:
        """See `GenerationHooks`."""
        if not _registered("cfg_denoiser"):
            return call
        from modules.compat import sampling_callbacks

        return sampling_callbacks.model_call(call, about, runs.top())

    def predicted(self, predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        """See `GenerationHooks`."""
        if not (_registered("cfg_denoised") or _combines_itself()):
            return predictions
        from modules.compat import sampling_callbacks

        return sampling_callbacks.predicted(predictions, call, about, runs.top())

    @property
    def changes_denoised(self) -> bool:
        """See `GenerationHooks`."""
        return _registered("cfg_after_cfg")

    def denoised(self, latents: Tensor, at: StepInfo) -> Tensor:
        """See `GenerationHooks`."""
        from modules.compat import sampling_callbacks

        return sampling_callbacks.denoised(latents, at, runs.top())

    @property
    def changes_mask_blends(self) -> bool:
        """See `GenerationHooks`."""
        return self._has("on_mask_blend")

    def mask_blended(self, blended: Tensor, made: Tensor, at: StepInfo, mask: LatentMask) -> Tensor:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None:
            return blended
        from modules.compat import scripts

        final = at.sigma == 0
        sampler = run.p.sampler
        args = scripts.MaskBlendArgs(
            made,
            mask.change,
            mask.original,
            1 - mask.change,
            blended,
            None if final or sampler is None else sampler.model_wrap_cfg,
            None if final else made.new_full((len(made),), at.sigma),
        )
        script_calls.call(run.p, "on_mask_blend", args)
        return args.blended_latent  # type: ignore[no-any-return,unused-ignore]

    def sampled(self, latents: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None or about.stage != run.last_stage or not self._has("post_sample"):
            return latents
        from modules.compat import scripts

        args = scripts.PostSampleArgs(latents)
        script_calls.call(run.p, "post_sample", args)
        return args.samples  # type: ignore[no-any-return,unused-ignore]

    # -- pictures --

    @property
    def changes_decoded(self) -> bool:
        """See `GenerationHooks`."""
        return self._has("postprocess_batch") or self._has("postprocess_batch_list")

    def decoded(self, pixels: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None:
            return pixels
        import torch

        from modules.compat import scripts

        p = run.p
        script_calls.call(p, "postprocess_batch", images=pixels, batch_number=p.iteration)
        args = scripts.PostprocessBatchListArgs(list(pixels))
        script_calls.call(p, "postprocess_batch_list", args, batch_number=p.iteration)
        if len(args.images) != len(pixels):
            raise NotPossibleNow(
                f"A script made {len(args.images)} pictures of the {len(pixels)} of a batch in "
                "postprocess_batch_list; their number must stay."
            )
        return torch.stack([image.to(pixels) for image in args.images])

    @property
    def changes_pictures(self) -> bool:
        """See `GenerationHooks`."""
        return runs.top() is not None

    def before_overlay(self, image: Image, request: PictureRequest, number: int) -> Image:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None:
            return image
        run.p.batch_index = number % request.batch_size
        if run.p.restore_faces and request.faces.restorer is None:  # a script has switched it on
            image = _with_faces(image)
        return self._post(run, "postprocess_image", image)

    def overlay(
        self, mask: Image, original: Image, request: PictureRequest, number: int
    ) -> tuple[Image, Image]:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None or not self._has("postprocess_maskoverlay"):
            return mask, original
        from modules.compat import scripts

        args = scripts.PostProcessMaskOverlayArgs(number % request.batch_size, mask, original)
        script_calls.call(run.p, "postprocess_maskoverlay", args)
        return args.mask_for_overlay, args.overlay_image

    def picture(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None or picture.kind != "picture" or isinstance(request, UpscalePicture):
            return picture
        image = self._post(run, "postprocess_image_after_composite", picture.image)
        if image is not picture.image:
            picture = replace(picture, image=image)
        run.images.append(picture)
        self._remember(picture, run.p)
        return picture

    def _post(self, run: OlderRun, method: str, image: Image) -> Image:
        if not self._has(method):
            return image
        from modules.compat import scripts

        args = scripts.PostprocessImageArgs(image, run.p.batch_index)
        script_calls.call(run.p, method, args)
        return args.image if args.image.mode == "RGB" else args.image.convert("RGB")

    def infotext(self, parameters: Parameters, request: PictureRequest, number: int) -> Parameters:
        """See `GenerationHooks`."""
        run = runs.top()
        if run is None:
            return parameters
        from modules.compat.processing_infotext import extra_parameters

        text = run.texts.get(number, Prompts(request.prompt, request.negative_prompt))
        added = extra_parameters(run.p, number, *text)
        last = {name: parameters[name] for name in ("Version",) if name in parameters}
        kept = {name: value for name, value in parameters.items() if name not in last}
        if run.changed_text(number):  # then the prompt is no filled-in form of the request's
            kept = {name: value for name, value in kept.items() if name not in _TEMPLATES}
        return {**kept, **added, **last}

    # -- files --

    def before_save(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        if not _registered("before_image_saved") or isinstance(request, UpscalePicture):
            return picture
        name = f"{picture.number:05d}-{picture.seed}.png"
        folder = house.house().folders.outputs if house.is_open() else Path()
        params = self._save_params(picture, request, folder / name)
        from modules.compat import script_callbacks

        script_callbacks.before_image_saved_callback(params)
        text = params.pnginfo.get("parameters", picture.infotext)
        if params.image is picture.image and text == picture.infotext:
            return picture
        return replace(picture, image=params.image, infotext=text)

    def after_save(self, path: Path, picture: GeneratedImage, request: Request) -> None:
        """See `GenerationHooks`."""
        if not _registered("image_saved") or isinstance(request, UpscalePicture):
            return
        from modules.compat import script_callbacks

        script_callbacks.image_saved_callback(self._save_params(picture, request, path))

    def _save_params(self, picture: GeneratedImage, request: PictureRequest, path: Path) -> Any:
        from modules.compat import script_callbacks

        reference, p = self._made.get(id(picture.image), (None, None))
        if reference is None or reference() is not picture.image:
            p = _p_of(request)
        return script_callbacks.ImageSaveParams(picture.image, p, str(path), {"parameters": picture.infotext})

    def _remember(self, picture: GeneratedImage, p: Any) -> None:
        """Pictures are saved in another thread and later: which `p` they are from."""
        if not (_registered("before_image_saved") or _registered("image_saved")):
            return
        self._made[id(picture.image)] = (weakref.ref(picture.image), p)
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)

    def _has(self, method: str) -> bool:
        run = runs.top()
        return run is not None and bool(script_calls.scripts_with(run.p, method))


def runner_of(request: PictureRequest) -> Any:
    """The scripts of the tab that a request belongs to."""
    from modules.compat import scripts

    return scripts.runner_for("img2img" if isinstance(request, ImageToImage) else "txt2img")


def _registered(event: str) -> bool:
    """Whether a callback of this event is there."""
    from modules.compat import script_callbacks

    return bool(script_callbacks.callback_map.get(f"callbacks_{event}"))


def _combines_itself() -> bool:
    """Whether an extension combines the model's predictions in a way of its own."""
    view = getattr(getattr(getattr(runs.top(), "p", None), "sampler", None), "model_wrap_cfg", None)
    return getattr(view, "own_combination", None) is not None


def _p_of(request: PictureRequest) -> Any:
    """A `p` for a picture that no script had to do with; None where what it began with is gone."""
    try:
        return from_request(request)  # type: ignore[arg-type]
    except Fault:
        return None


def _without_mark(request: PictureRequest) -> dict[str, dict[str, Any]]:
    return {name: values for name, values in request.extensions.items() if name != MARK}


def _with_faces(image: Image) -> Image:
    """The picture with its faces restored, where a model for that is there."""
    import numpy as np
    from PIL import Image as PIL

    from modules.compat import face_restoration

    return PIL.fromarray(np.asarray(face_restoration.restore_faces(np.array(image)), np.uint8))


def _take_tags_off() -> None:
    """The tags of extensions hold to the end of their generation, and not until the next one."""
    from modules.compat.extra_networks import older_networks

    model = house.house().models.loaded if house.is_open() else None
    if model is not None:
        for kind in older_networks():
            kind.set(model, ())
