"""The older UI's scripts within our generation, on a tiny model."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.compat import house, script_callbacks
from modules.compat.generation import OlderGeneration
from modules.compat.older_run import runs
from modules.compat.processing import (
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    process_images,
    run_selectable,
)
from modules.compat.script_class import AlwaysVisible, Script
from modules.compat.script_data import ScriptClassData, scripts_data
from modules.compat.script_runner import reset_all, scripts_img2img, scripts_txt2img
from modules.compute import choose
from modules.faults import Fault, NotPossibleNow, NotSupported
from modules.generation.engine import Engine, check
from modules.generation.requests import HiresFix, ImageToImage, Mask, ScriptCall, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.generation.studio import Studio
from modules.imaging.infotext import parse
from modules.imaging.inputs import InputStore
from modules.imaging.upscalers import Upscalers
from modules.jobs.database import Database
from modules.jobs.events import EventHub
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue, Status
from modules.jobs.worker import Worker
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from modules.plugins.manager import PluginManager
from modules.prompts.wildcards import Wildcards
from modules.settings.store import SettingsStore
from tests import tiny_model

REQUEST = TextToImage(prompt="a cat", seed=11, steps=2, sampler="Euler", width=64, height=48, save=False)
Calls = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("older")
    file = tiny_model.write(folder / "tiny.safetensors")
    catalogue = CheckpointCatalogue((), folder / "files.sqlite", (file,))
    models, inputs = ModelStore(catalogue, choose), InputStore(folder / "inputs")
    (folder / "wildcards").mkdir()
    wildcards, hooks = Wildcards(folder / "wildcards"), OlderGeneration()
    settings = SettingsStore(folder / "settings.json")
    engine = Engine(models, (), wildcards, inputs, hooks=hooks)
    database, events = Database(folder / "easel.sqlite"), EventHub()
    queue = JobQueue(database, events, lambda request: check(request, models))  # type: ignore[arg-type]
    pictures = PictureIndex(database, folder / "outputs")
    made = SimpleNamespace(
        folders=SimpleNamespace(outputs=folder / "outputs", data=folder),
        checkpoints=catalogue,
        models=models,
        inputs=inputs,
        wildcards=wildcards,
        settings=settings,
        engine=engine,
        hooks=hooks,
        queue=queue,
        pictures=pictures,
        styles=SimpleNamespace(all=list),
        extras=SimpleNamespace(faces=None),
        plugins=PluginManager(folder / "extensions"),
        worker=Worker(queue, pictures, engine, events, settings, hooks=hooks),
    )
    house.enter(made)  # type: ignore[arg-type]
    made.worker.start()
    yield made
    made.worker.close()
    database.close()
    house.enter(None)


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    scripts_data.clear()
    script_callbacks.clear_callbacks()
    reset_all()


def add(*classes: type[Script], path: str = "/ext/noisy/scripts/mine.py") -> None:
    for one in classes:
        scripts_data.append(ScriptClassData(one, path, "/ext/noisy", ModuleType("mine"), "noisy"))
    reset_all()


def visible(**methods: Callable[..., Any]) -> type[Script]:
    """An always-visible script with these methods."""
    return type(
        "Mine",
        (Script,),
        {"title": lambda self: "Mine", "show": lambda self, is_img2img: AlwaysVisible, **methods},
    )


def make(services: Any, request: Any = REQUEST, **changes: Any) -> list[GeneratedImage]:
    checked = check(replace(request, **changes), services.models)
    return list(services.engine.run(checked, Unwatched()))


def same(one: GeneratedImage, other: GeneratedImage) -> bool:
    return one.image.tobytes() == other.image.tobytes()


def parameters(picture: GeneratedImage) -> dict[str, str]:
    return parse(picture.infotext)[2]


def image(services: Any, colour: str = "grey", size: tuple[int, int] = (64, 48)) -> str:
    name: str = services.inputs.keep(Image.new("RGB", size, colour))
    return name


HOOKS = [
    "setup",
    "before_process",
    "process",
    "before_process_batch",
    "after_extra_networks_activate",
    "process_batch",
    "process_before_every_sampling",
    "before_hr",
    "post_sample",
    "postprocess_batch",
    "postprocess_batch_list",
    "postprocess_image",
    "postprocess_image_after_composite",
    "postprocess",
]


def watcher(calls: Calls) -> type[Script]:
    def method(name: str) -> Callable[..., None]:
        def call(self: Script, p: Any, *args: Any, **named: Any) -> None:
            calls.append((name, p, args, named))

        return call

    return visible(**{name: method(name) for name in [*HOOKS, "on_mask_blend", "postprocess_maskoverlay"]})


# -- nobody, and the order --


def test_without_scripts_nothing_is_done(services: Any) -> None:
    hooks = services.hooks
    assert hooks.before_generation(REQUEST) is REQUEST
    hooks.after_generation(REQUEST, 0)
    assert not (hooks.changes_denoised or hooks.changes_decoded or hooks.changes_model_calls)
    assert not hooks.changes_mask_blends


def test_hooks_come_in_the_older_order_and_change_nothing_by_themselves(services: Any) -> None:
    plain = make(services, batch_size=2, batch_count=2)
    calls: Calls = []
    add(watcher(calls))
    watched = make(services, batch_size=2, batch_count=2)
    assert all(map(same, plain, watched))
    assert [one.infotext for one in plain] == [one.infotext for one in watched]
    names = [name for name, *_ in calls]
    batch = ["after_extra_networks_activate", "process_batch", "process_before_every_sampling", "post_sample"]
    batch += ["postprocess_batch", "postprocess_batch_list"]
    batch += ["postprocess_image", "postprocess_image_after_composite"] * 2
    expected = ["setup", "before_process", "process", "before_process_batch", *batch]
    assert names == [*expected, "before_process_batch", *batch, "postprocess"]
    assert len({id(p) for _, p, *_ in calls}) == 1
    begun = [named for name, _, _, named in calls if name == "before_process_batch"]
    assert [one["batch_number"] for one in begun] == [0, 1]
    assert begun[1]["prompts"] == ["a cat", "a cat"] and begun[1]["seeds"] == [13, 14]
    tensors = next(named for name, _, _, named in calls if name == "postprocess_batch")
    assert tensors["images"].shape == (2, 3, 48, 64) and float(tensors["images"].min()) >= 0
    start = next(named for name, _, _, named in calls if name == "process_before_every_sampling")
    assert start["x"].shape == start["noise"].shape == (2, 4, 6, 8)
    assert len(start["c"].batch) == len(start["uc"]) == 2


def test_the_second_pass_has_its_hooks(services: Any) -> None:
    calls: Calls = []
    passes = []

    def starting(self: Script, p: Any, *args: Any, **named: Any) -> None:
        passes.append((p.is_hr_pass, tuple(named["x"].shape[-2:])))

    kind = watcher(calls)
    kind.process_before_every_sampling = starting  # type: ignore[method-assign]
    add(kind)
    make(services, hires=HiresFix(scale=1.5))
    names = [name for name, *_ in calls]
    assert passes == [(False, (6, 8)), (True, (9, 12))]
    assert names.count("process_batch") == names.count("before_hr") == names.count("post_sample") == 1
    assert names.index("before_hr") < names.index("post_sample")
    p = calls[0][1]
    assert p.enable_hr and (p.hr_upscale_to_x, p.hr_upscale_to_y) == (96, 72)


def test_values_of_controls_arrive(services: Any) -> None:
    import gradio as gr

    calls: Calls = []
    kind = watcher(calls)
    kind.ui = lambda self, is_img2img: [gr.Checkbox(False), gr.Slider(0, 9, 4), gr.Textbox("x")]  # type: ignore
    add(kind)
    make(services, extensions={"noisy": {"mine/mine:0": True, "mine/mine:2": "sent"}})
    assert all(args[-3:] == (True, 4, "sent") for _, _, args, _ in calls)
    _, p, args, _ = next(call for call in calls if call[0] == "postprocess_image")
    assert len(args) == 4 and p.script_args[1:] == [True, 4, "sent"]


# -- what a script changes --


def test_changes_of_p_take_effect(services: Any) -> None:
    def process(self: Script, p: Any) -> None:
        p.steps, p.cfg_scale, p.sampler_name, p.width = 3, 2.0, "Euler a", 48
        p.all_prompts = ["a dog"] * len(p.all_prompts)
        p.all_seeds = [99]
        p.extra_generation_params["Mine"] = "yes"

    expected = make(services, prompt="a dog", seed=99, steps=3, cfg_scale=2.0, sampler="Euler a", width=48)[0]
    add(visible(process=process))
    (made,) = make(services)
    assert same(made, expected) and made.seed == 99
    assert parameters(made)["Mine"] == "yes" and "Wildcard prompt" not in parameters(made)
    assert made.infotext.startswith("a dog\n")


def test_prompts_of_each_picture(services: Any) -> None:
    def process(self: Script, p: Any) -> None:
        p.all_prompts = [f"{prompt} {n}" for n, prompt in enumerate(p.all_prompts)]
        p.all_negative_prompts = ["bad", ""]

    expected = [
        make(services, prompt="a cat 0", negative_prompt="bad")[0],
        make(services, prompt="a cat 1", seed=12)[0],
    ]
    add(visible(process=process))
    made = make(services, batch_size=2)
    assert [parse(one.infotext)[:2] for one in made] == [("a cat 0", "bad"), ("a cat 1", "")]
    assert all(map(same, made, expected))


def test_prompts_of_a_batch(services: Any) -> None:
    def before_process_batch(self: Script, p: Any, **named: Any) -> None:
        p.prompts = [f"{prompt}, batch {named['batch_number']}" for prompt in p.prompts]

    add(visible(before_process_batch=before_process_batch))
    made = make(services, prompt="a {cat|cat}", batch_count=2)
    assert [parse(one.infotext)[0] for one in made] == ["a cat, batch 0", "a cat, batch 1"]


def test_process_batch_changes_what_is_encoded(services: Any) -> None:
    from modules.generation.hooks import PassInfo
    from modules.generation.prompting import Prompts

    def process_batch(self: Script, p: Any, **named: Any) -> None:
        assert p.prompts == ["a cat"]
        p.prompts, p.cfg_scale = ["a fox"], 3.0

    add(visible(process_batch=process_batch))
    hooks = services.hooks
    request = hooks.before_generation(replace(REQUEST, prompt="a cat<lora:x:1>"))
    given = hooks.prompts(Prompts("a cat<lora:x:1>", ""), request, 0)
    about = PassInfo(request, range(0, 1), "first", given, 64, 48, 2)
    hooks.networks_applied(about)
    assert hooks.before_encoding(given, about) == Prompts("a fox", "")
    assert hooks.before_encoding(given, replace(about, stage="second")) == given
    hooks.after_generation(request, 0)


def make_plainly(services: Any, **changes: Any) -> GeneratedImage:
    """A picture without any script."""
    scripts_data.clear()
    reset_all()
    return make(services, **changes)[0]


def test_the_cfg_scale_of_a_batch(services: Any) -> None:
    def process_batch(self: Script, p: Any, **named: Any) -> None:
        p.cfg_scale = 3.0

    add(visible(process_batch=process_batch))
    made = make(services)[0]
    assert same(made, make_plainly(services, cfg_scale=3.0))


def test_latents_and_pixels_can_be_changed(services: Any) -> None:
    def post_sample(self: Script, p: Any, args: Any) -> None:
        args.samples = args.samples * 0

    def postprocess_batch(self: Script, p: Any, **named: Any) -> None:
        named["images"][:, 0] = 1.0

    def postprocess_batch_list(self: Script, p: Any, args: Any, **named: Any) -> None:
        args.images[0] = args.images[0] * torch.tensor([1.0, 1.0, 0.0])[:, None, None]

    def postprocess_image(self: Script, p: Any, args: Any) -> None:
        args.image = args.image.rotate(180)
        p.extra_generation_params["Turned"] = p.batch_index

    def composite(self: Script, p: Any, args: Any) -> None:
        args.image.putpixel((0, 0), (1, 2, 3))

    add(
        visible(
            post_sample=post_sample,
            postprocess_batch=postprocess_batch,
            postprocess_batch_list=postprocess_batch_list,
            postprocess_image=postprocess_image,
            postprocess_image_after_composite=composite,
        )
    )
    (made,) = make(services)
    values = np.asarray(made.image)
    assert (values[1:, :, 0] == 255).all() and (values[1:, :, 2] == 0).all()
    assert made.image.getpixel((0, 0)) == (1, 2, 3) and parameters(made)["Turned"] == "0"


def test_starting_latents_in_place(services: Any) -> None:
    def starting(self: Script, p: Any, **named: Any) -> None:
        named["x"].mul_(0.5)

    plain = make(services)[0]
    add(visible(process_before_every_sampling=starting))
    assert not same(make(services)[0], plain)


def test_masks(services: Any) -> None:
    mask = Image.new("L", (64, 48))
    mask.paste(255, (0, 0, 32, 48))
    request = ImageToImage(
        seed=1,
        steps=3,
        sampler="Euler",
        width=64,
        height=48,
        denoising_strength=1,
        init_images=(image(services),),
        mask=Mask(image=services.inputs.keep(mask), blur_x=0, blur_y=0),
    )
    plain = make(services, request)[0]
    calls: Calls = []
    add(watcher(calls))
    assert same(make(services, request)[0], plain)
    blends = [args[0] for name, _, args, _ in calls if name == "on_mask_blend"]
    assert len(blends) > 1 and blends[-1].is_final_blend and not blends[0].is_final_blend
    kept = blends[0].init_latent * blends[0].mask + blends[0].current_latent * blends[0].nmask
    assert torch.allclose(kept, blends[0].blended_latent)
    over = next(args[0] for name, _, args, _ in calls if name == "postprocess_maskoverlay")
    assert over.overlay_image.mode == "RGBA" and over.index == 0

    def no_overlay(self: Script, p: Any, args: Any) -> None:
        args.overlay_image = Image.new("RGBA", args.overlay_image.size, (255, 0, 0, 255))

    add(visible(postprocess_maskoverlay=no_overlay))
    assert make(services, request)[0].image.getpixel((5, 5)) == (255, 0, 0)


def test_postprocess_shows_more_pictures(services: Any) -> None:
    def postprocess(self: Script, p: Any, processed: Any) -> None:
        processed.images.append(Image.new("RGB", (8, 8), "red"))
        processed.images[0] = Image.new("L", (8, 8))
        processed.infotexts.append("mine")

    add(visible(postprocess=postprocess))
    made = make(services)
    assert [one.kind for one in made] == ["picture", "extra", "extra"]
    assert made[2].infotext == "mine" and made[1].image.mode == "RGB"
    assert [one.number for one in made] == [0, 1, 2]


# -- failures --


@pytest.mark.parametrize("hook", ["process", "process_batch", "postprocess_image"])
def test_a_failing_script_is_named(services: Any, hook: str) -> None:
    def fails(self: Script, p: Any, *args: Any, **named: Any) -> None:
        raise KeyError("no such thing")

    add(visible(**{hook: fails}))
    with pytest.raises(NotPossibleNow, match=rf"noisy failed in mine.py, {hook} \(KeyError.*no such thing"):
        make(services)
    scripts_data.clear()
    reset_all()
    assert len(make(services)) == 1


def test_a_fault_of_a_script_stays_as_it_is(services: Any) -> None:
    def fails(self: Script, p: Any) -> None:
        raise NotSupported("Not with this model.")

    add(visible(process=fails))
    with pytest.raises(NotSupported, match="Not with this model"):
        make(services)


def test_postprocess_only_looks_on(services: Any) -> None:
    def fails(self: Script, p: Any, processed: Any) -> None:
        raise RuntimeError("late")

    add(visible(postprocess=fails))
    assert len(make(services)) == 1


# -- callbacks --


def test_callbacks_that_only_look_change_nothing(services: Any) -> None:
    request = replace(REQUEST, prompt="a cat AND a dog :0.5", batch_size=2, negative_prompt="bad")
    plain = make(services, request)
    seen: list[Any] = []
    script_callbacks.on_cfg_denoiser(seen.append)
    script_callbacks.on_cfg_denoised(seen.append)
    script_callbacks.on_cfg_after_cfg(seen.append)
    assert all(map(same, plain, make(services, request)))
    asked, answered, guided = seen[:3]
    assert (
        asked.x.shape == (6, 4, 6, 8) and asked.sigma.shape == (6,) and asked.image_cond.shape == (6, 5, 1, 1)
    )
    assert asked.text_cond.shape == (4, 77, 64) and asked.text_uncond.shape == (2, 77, 64)
    assert torch.equal(asked.x[0], asked.x[1]) and torch.equal(asked.x[0], asked.x[4])
    assert torch.equal(asked.text_cond[0], asked.text_cond[2])
    assert answered.x.shape == (6, 4, 6, 8) and guided.x.shape == (2, 4, 6, 8)
    places = [(one.sampling_step, one.total_sampling_steps) for one in seen[::3]]
    assert places == [(0, 2), (1, 2)] and asked.denoiser.p.prompt == request.prompt


def test_callbacks_can_change_what_is_asked_and_answered(services: Any) -> None:
    def swap(params: Any) -> None:
        params.text_uncond = params.text_cond.clone()

    plain = make(services, negative_prompt="bad")[0]
    script_callbacks.on_cfg_denoiser(swap)
    alike = make(services, negative_prompt="bad")[0]
    assert not same(plain, alike)
    script_callbacks.clear_callbacks()
    assert (
        np.abs(np.asarray(make(services, cfg_scale=1.0)[0].image, int) - np.asarray(alike.image, int)).max()
        <= 2
    )

    def grey(params: Any) -> None:
        params.x.zero_()

    script_callbacks.on_cfg_denoised(grey)
    zero = make(services)[0]
    script_callbacks.clear_callbacks()
    script_callbacks.on_cfg_after_cfg(lambda params: setattr(params, "x", params.x * 0))
    assert same(make(services)[0], zero) and not same(zero, plain)


def test_callbacks_of_files(services: Any, tmp_path: Path) -> None:
    seen: list[Any] = []

    def before(params: Any) -> None:
        params.image = params.image.convert("L").convert("RGB")
        params.pnginfo["parameters"] += ", Mine: 1"

    def process(self: Script, p: Any) -> None:
        p.user = "me"

    add(visible(process=process))
    script_callbacks.on_before_image_saved(before)
    script_callbacks.on_image_saved(seen.append)
    (picture,) = make(services)
    saved = services.hooks.before_save(picture, REQUEST)
    assert saved.infotext.endswith("Mine: 1") and saved.image is not picture.image
    services.hooks.after_save(tmp_path / "x.png", picture, REQUEST)
    assert seen[0].filename.endswith("x.png") and seen[0].p.user == "me"


# -- process_images --


def studio_of(services: Any) -> Studio:
    def make(request: Any) -> Iterator[GeneratedImage]:
        checked = check(request.with_seeds(), services.models)
        return services.engine._run(replace(checked, script=None), Unwatched(), of_script=True)

    return Studio(make, lambda count: None, Unwatched(), services.inputs, Upscalers())


def selectable(run: Callable[..., Any]) -> type[Script]:
    return type("Menu", (Script,), {"title": lambda self: "Menu", "show": lambda self, i: True, "run": run})


def run(services: Any, request: Any = REQUEST) -> list[GeneratedImage]:
    runner = scripts_img2img if isinstance(request, ImageToImage) else scripts_txt2img
    runner.ensure_controls()
    checked = check(replace(request, script=ScriptCall(name="Menu")), services.models)
    return list(run_selectable(runner.selectable_scripts[0], checked, [], studio_of(services)))


def test_a_script_of_the_menu(services: Any) -> None:
    def run_it(self: Script, p: Any) -> Any:
        p.n_iter = 2
        processed = process_images(p)
        assert processed.index_of_first_image == 1 and len(processed.images) == 3
        processed.images.append(Image.new("RGB", (8, 8)))
        return processed

    calls: Calls = []
    add(selectable(run_it), watcher(calls))
    made = run(services)
    assert [one.kind for one in made] == ["grid", "picture", "picture", "extra"]
    assert [one.seed for one in made[1:3]] == [11, 12] and [one.number for one in made] == [0, 1, 2, 3]
    assert "Seed: 12" in made[2].infotext
    names = [name for name, *_ in calls]
    assert names.count("process") == names.count("postprocess") == 1 and names.count("process_batch") == 2
    assert same(made[1], make_plainly(services))


def test_a_script_that_returns_nothing_has_changed_p(services: Any) -> None:
    def run_it(self: Script, p: Any) -> None:
        p.prompt, p.do_not_save_grid = "a fox", True

    add(selectable(run_it))
    (made,) = run(services)
    assert same(made, make_plainly(services, prompt="a fox"))


def test_pictures_that_a_script_keeps_to_itself_are_shown_too(services: Any) -> None:
    def run_it(self: Script, p: Any) -> Any:
        first = process_images(p)
        second = copy.copy(p)
        second.seed = 99
        last = process_images(second)
        assert last.images[0] is not first.images[0] and last.seed == 99
        return last

    add(selectable(run_it))
    assert [one.seed for one in run(services, replace(REQUEST, save=True))] == [99, 11]
    assert [one.seed for one in run(services)] == [99]  # a program that asked gets what the script gives


def test_what_is_done_is_kept_where_a_script_fails(services: Any) -> None:
    def run_it(self: Script, p: Any) -> Any:
        process_images(p)
        raise ValueError("then")

    add(selectable(run_it))
    scripts_txt2img.ensure_controls()
    request = check(replace(REQUEST, script=ScriptCall(name="Menu")), services.models)
    pictures = run_selectable(scripts_txt2img.selectable_scripts[0], request, [], studio_of(services))
    assert next(pictures).seed == 11
    with pytest.raises(NotPossibleNow, match=r"noisy failed in mine\.py, run"):
        next(pictures)


def test_a_hook_can_make_pictures_of_its_own(services: Any) -> None:
    """As extensions do that draw faces anew in every picture."""
    inner: list[Any] = []

    def postprocess_image(self: Script, p: Any, args: Any) -> None:
        if getattr(p, "_mine", False):
            inner.append(args.image)
            return
        other = StableDiffusionProcessingImg2Img(
            init_images=[args.image],
            prompt="a face",
            seed=p.seed,
            steps=2,
            sampler_name="Euler",
            width=32,
            height=32,
            mask=Image.new("L", args.image.size, "white"),
            inpainting_fill=1,
            denoising_strength=0.5,
            do_not_save_samples=True,
        )
        other.scripts, other.script_args = copy.copy(p.scripts), p.script_args
        other._mine = True  # type: ignore[attr-defined]
        processed = process_images(other)
        assert processed.images[0].size == (64, 48) or processed.images[0].size == (32, 32)
        args.image = processed.images[0].resize(args.image.size)
        p.extra_generation_params["Faces"] = len(processed.images)

    plain = make(services, batch_count=2)
    add(visible(postprocess_image=postprocess_image))
    made = make(services, batch_count=2)
    assert len(inner) == 2 and len(made) == 2 and runs.top() is None
    assert not any(map(same, plain, made)) and parameters(made[1])["Faces"] == "1"
    assert [one.seed for one in made] == [11, 12]


def test_process_images_from_elsewhere_is_a_job_of_its_own(services: Any) -> None:
    calls: Calls = []
    threads: list[str] = []

    def process(self: Script, p: Any) -> None:
        threads.append(threading.current_thread().name)
        p.all_prompts = ["a cat"] * 2

    kind = watcher(calls)
    kind.process = process  # type: ignore[method-assign]
    add(kind)
    p = StableDiffusionProcessingTxt2Img(
        prompt="a",
        seed=11,
        steps=2,
        sampler_name="Euler",
        width=64,
        height=48,
        do_not_save_samples=True,
        n_iter=2,
    )
    scripts_txt2img.ensure_controls()
    p.scripts, p.script_args = scripts_txt2img, scripts_txt2img.all_args(REQUEST)
    processed = process_images(p)
    assert threads == ["worker"] and len(processed.images) == 3 and processed.all_seeds == [11, 12]
    job = services.queue.recent(1)[0]
    assert job.status is Status.DONE and job.origin == "extension"
    assert parse(processed.infotexts[2])[2]["Seed"] == "12"
    assert processed.images[1].tobytes() == make_plainly(services).image.tobytes()


def test_a_job_of_its_own_that_fails(services: Any) -> None:
    with pytest.raises(Fault):
        process_images(StableDiffusionProcessingTxt2Img(sampler_name="no such", width=64, height=64))
    p = StableDiffusionProcessingTxt2Img(steps=2, width=64, height=48, do_not_save_samples=True)
    p.prompt, p.negative_prompt = ["a", "b"], ["c"]
    with pytest.raises(Fault, match="2 prompts and 1 negative"):
        process_images(p)


def test_a_job_that_nobody_waits_for_after_a_restart_is_an_ordinary_one(services: Any) -> None:
    mine = {"modules.processing": {"p": "gone"}}
    assert same(make(services, extensions=mine)[0], make_plainly(services))


def test_a_failure_in_the_worker_reaches_who_waits(services: Any) -> None:
    def fails(self: Script, p: Any) -> None:
        raise KeyError("no such thing")

    add(visible(process=fails))
    p = StableDiffusionProcessingTxt2Img(steps=2, width=64, height=48, do_not_save_samples=True)
    p.scripts = scripts_txt2img
    with pytest.raises(NotPossibleNow, match="noisy failed"):
        process_images(p)
    assert services.queue.recent(1)[0].status is Status.FAILED


def test_the_second_pass_s_prompts(services: Any) -> None:
    def process(self: Script, p: Any) -> None:
        p.all_prompts = ["a dog"]
        p.all_hr_prompts = ["a fox"]

    request = replace(REQUEST, hires=HiresFix(scale=1.5, steps=2))
    hires = HiresFix(scale=1.5, steps=2, prompt="a fox")
    expected = make(services, replace(request, prompt="a dog", hires=hires))[0]
    add(visible(process=process))
    assert same(make(services, request)[0], expected)


def test_another_number_of_pictures_is_refused_with_a_sentence(services: Any) -> None:
    def process(self: Script, p: Any) -> None:
        p.n_iter, p.all_prompts = 2, ["a", "b"]

    add(visible(process=process))
    try:
        made = make(services)
    except NotSupported as fault:
        assert "number of pictures" in fault.message
    else:  # where the program allows it
        assert [parse(one.infotext)[0] for one in made] == ["a", "b"]
    assert runs.top() is None or make_plainly(services).seed == 11


def test_the_older_buttons(services: Any, tmp_path: Path) -> None:
    from modules.compat.img2img import process_batch
    from modules.compat.txt2img import txt2img

    add(visible())
    values = [
        "a cat",
        "",
        [],
        1,
        1,
        7.0,
        48,
        64,
        False,
        0.7,
        2.0,
        "Latent",
        0,
        0,
        0,
        None,
        None,
        None,
        "",
        "",
        [],
    ]
    images, told, _, _ = txt2img("task(1)", None, *values, *scripts_txt2img.all_args(REQUEST))
    assert images[0].size == (64, 48) and '"prompt": "a cat"' in told
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (64, 48), "green").save(tmp_path / "in" / f"{name}.png")
    p = StableDiffusionProcessingImg2Img(steps=2, sampler_name="Euler", denoising_strength=0.6)
    process_batch(p, str(tmp_path / "in"), str(tmp_path / "out"), "", [0], to_scale=True, scale_by=1.0)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert Image.open(tmp_path / "out" / "a.png").size == (64, 48)
