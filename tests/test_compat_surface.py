"""The names of the older UI that widely used extensions take, by what they are for: all are there, in a running one.

Each test asks for the names in the way in which extensions do, and where that is cheap, that they do what they should.
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.app import Application
from tests.compat_support import open_house
from tests.server import ROOT

MODULES: dict[str, str] = {
    # what shows itself
    "scripts": "Script AlwaysVisible basedir scripts_data scripts_txt2img scripts_img2img scripts_current "
    "PostprocessImageArgs PostprocessBatchListArgs ScriptRunner ScriptBuiltinUI",
    "script_callbacks": "",
    "ui": "create_refresh_button gr_show plaintext_to_html switch_values_symbol",
    "ui_common": "save_files plaintext_to_html create_refresh_button update_generation_info",
    "ui_components": "InputAccordion ToolButton FormRow FormColumn FormGroup FormHTML FormColorPicker "
    "DropdownMulti DropdownEditable ResizeHandleRow",
    "generation_parameters_copypaste": "create_buttons bind_buttons register_paste_params_button ParamBinding "
    "create_override_settings_dict parse_generation_parameters image_from_url_text paste_fields quote unquote",
    "infotext_utils": "PasteField ParamBinding parse_generation_parameters register_paste_params_button",
    "ui_extra_networks": "ExtraNetworksPage register_page",
    "ui_gradio_extensions": "webpath reload_javascript javascript_html css_html",
    # what is set
    "shared": "opts cmd_opts state sd_model sd_upscalers prompt_styles total_tqdm OptionInfo device demo "
    "options_templates options_section face_restorers interrogator hypernetworks config_filename html",
    "options": "Options OptionInfo OptionHTML OptionDiv categories options_section",
    "paths": "script_path models_path data_path extensions_dir",
    "paths_internal": "script_path models_path data_path extensions_dir extensions_builtin_dir",
    "devices": "device cpu torch_gc get_optimal_device get_optimal_device_name dtype dtype_vae dtype_unet autocast "
    "without_autocast NansException test_for_nans has_mps device_interrogate",
    "errors": "display display_once report print_error_explanation",
    "launch_utils": "git_tag is_installed run run_pip args prepare_environment",
    "extensions": "extensions active list_extensions",
    "localization": "localizations list_localizations",
    # what makes pictures
    "processing": "StableDiffusionProcessing StableDiffusionProcessingTxt2Img StableDiffusionProcessingImg2Img "
    "Processed process_images process_images_inner create_infotext fix_seed get_fixed_seed opt_C opt_f "
    "create_random_tensors apply_overlay apply_color_correction setup_color_correction decode_first_stage",
    "txt2img": "txt2img",
    "img2img": "img2img process_batch",
    "images": "save_image flatten read_info_from_image resize_image image_grid split_grid combine_grid "
    "FilenameGenerator get_next_sequence_number fix_image image_data",
    "extras": "run_pnginfo run_modelmerger",
    "masking": "get_crop_region expand_crop_region fill",
    "prompt_parser": "get_learned_conditioning get_multicond_learned_conditioning SdConditioning "
    "parse_prompt_attention ScheduledPromptConditioning reconstruct_cond_batch "
    "get_learned_conditioning_prompt_schedules",
    "extra_networks": "parse_prompts parse_prompt ExtraNetwork ExtraNetworkParams register_extra_network activate "
    "deactivate extra_network_registry",
    # what the model is
    "sd_models": "model_data checkpoints_list checkpoint_tiles model_path get_closet_checkpoint_match load_model "
    "reload_model_weights list_models CheckpointInfo select_checkpoint read_state_dict model_hash",
    "sd_vae": "vae_dict refresh_vae_list reload_vae_weights find_vae_near_checkpoint",
    "sd_hijack": "model_hijack StableDiffusionModelHijack EmbeddingsWithFixes apply_optimizations",
    "sd_hijack_utils": "CondFunc",
    "sd_hijack_optimizations": "SdOptimization get_available_vram get_xformers_flash_attention_op",
    "sd_unet": "SdUnet SdUnetOption unet_options",
    "sd_samplers": "samplers all_samplers all_samplers_map create_sampler samplers_for_img2img samplers_map "
    "set_samplers find_sampler_config visible_sampler_names SamplerData",
    "sd_samplers_common": "SamplerData samples_to_image_grid sample_to_image setup_img2img_steps store_latent "
    "images_tensor_to_samples InterruptedException",
    "sd_samplers_kdiffusion": "CFGDenoiser CFGDenoiserKDiffusion KDiffusionSampler samplers_data_k_diffusion",
    "sd_samplers_compvis": "VanillaStableDiffusionSampler",
    "sd_samplers_cfg_denoiser": "CFGDenoiser catenate_conds subscript_cond pad_cond",
    "sd_schedulers": "schedulers schedulers_map Scheduler",
    "sd_vae_approx": "cheap_approximation",
    "sd_vae_taesd": "decoder_model",
    "textual_inversion.textual_inversion": "Embedding EmbeddingDatabase",
    "hypernetworks.hypernetwork": "load_hypernetwork",
    "upscaler": "Upscaler UpscalerData UpscalerLanczos UpscalerNone",
    "upscaler_utils": "pil_image_to_torch_bgr torch_bgr_to_pil_image upscale_with_model",
    "modelloader": "load_models load_file_from_url friendly_name",
    "rng": "ImageRNG slerp create_generator randn",
    # what is around it
    "api.api": "Api decode_base64_to_image encode_pil_to_base64 script_name_to_index validate_sampler_name "
    "upscaler_to_index setUpscalers",
    "api.models": "StableDiffusionTxt2ImgProcessingAPI StableDiffusionImg2ImgProcessingAPI InterrogateRequest",
    "call_queue": "queue_lock wrap_gradio_call wrap_gradio_gpu_call wrap_queued_call",
    "hashes": "sha256 sha256_from_cache cache",
    "safe": "unsafe_torch_load load",
    "progress": "create_task_id add_task_to_queue start_task finish_task",
    "patches": "patch undo original",
    "torch_utils": "float64 get_param",
    "mac_specific": "has_mps",
    "scripts_postprocessing": "ScriptPostprocessing PostprocessedImage",
    "script_loading": "load_module",
    "util": "listfiles walk_files",
    "cache": "cache",
    "timer": "Timer startup_timer",
    "face_restoration": "FaceRestoration restore_faces",
}
"""By a module of `modules`: what extensions take from it."""

CALLBACKS = (
    "app_started before_reload model_loaded ui_tabs ui_train_tabs ui_settings before_image_saved image_saved "
    "extra_noise cfg_denoiser cfg_denoised cfg_after_cfg before_component after_component image_grid "
    "infotext_pasted script_unloaded before_ui list_optimizers list_unets before_token_counter"
)

HOOKS = (
    "title ui show run setup before_process process before_process_batch after_extra_networks_activate "
    "process_before_every_sampling process_batch postprocess_batch postprocess_batch_list on_mask_blend "
    "post_sample postprocess_image postprocess_maskoverlay postprocess_image_after_composite postprocess "
    "before_component after_component on_before_component on_after_component describe elem_id before_hr"
)

OF_P = (
    "prompt negative_prompt styles seed subseed subseed_strength seed_resize_from_w seed_resize_from_h width height "
    "steps cfg_scale sampler_name scheduler batch_size n_iter tiling denoising_strength sd_model sampler scripts "
    "script_args iteration extra_generation_params override_settings outpath_samples outpath_grids "
    "do_not_save_samples do_not_save_grid all_prompts all_negative_prompts all_seeds all_subseeds prompts "
    "negative_prompts seeds subseeds cached_c cached_uc c uc rng comments paste_to user disable_extra_networks "
    "s_churn s_tmin s_tmax s_noise s_min_uncond eta restore_faces batch_index main_prompt is_hr_pass close "
    "setup_conds setup_prompts init sample get_conds parse_extra_network_prompts txt2img_image_conditioning "
    "img2img_image_conditioning"
)
OF_TXT2IMG = (
    "enable_hr hr_scale hr_upscaler hr_second_pass_steps hr_resize_x hr_resize_y hr_upscale_to_x hr_upscale_to_y "
    "hr_prompt hr_negative_prompt hr_sampler_name hr_checkpoint_name hr_prompts all_hr_prompts cached_hr_c "
    "cached_hr_uc firstphase_width firstpass_image hr_c hr_uc"
)
OF_IMG2IMG = (
    "init_images image_mask mask mask_blur mask_blur_x mask_blur_y latent_mask inpainting_fill inpaint_full_res "
    "inpaint_full_res_padding inpainting_mask_invert resize_mode initial_noise_multiplier image_cfg_scale "
    "init_latent nmask mask_for_overlay overlay_images color_corrections image_conditioning"
)

OPTIONS = (
    "samples_format samples_save grid_save grid_format outdir_samples outdir_txt2img_samples outdir_img2img_samples "
    "outdir_extras_samples outdir_grids outdir_txt2img_grids outdir_img2img_grids outdir_save lora_functional "
    "img2img_background_color sd_model_checkpoint sd_checkpoint_hash sd_vae CLIP_stop_at_last_layers "
    "save_images_add_number data data_labels"
)
FLAGS = (
    "lora_dir ckpt_dir vae_dir embeddings_dir hypernetwork_dir api_auth api use_cpu lyco_dir_backcompat no_half "
    "lowvram medvram share port listen data_dir gradio_auth hide_ui_dir_config freeze_settings skip_install "
    "precision xformers ui_debug_mode nowebui subpath"
)
STATE = (
    "job job_no job_count job_timestamp sampling_step sampling_steps interrupted skipped textinfo current_image "
    "current_latent begin end interrupt skip nextjob time_start server_command"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with open_house(tmp_path_factory.mktemp("easel"), {"lora_dir": "somewhere"}) as application:
        yield application


def missing(holder: Any, names: str, *, but: str = "") -> list[str]:
    """Those of the names that a thing doesn't have. Args: but: one that isn't asked for: it would load the model."""
    return [name for name in names.split() if name != but and not hasattr(holder, name)]


@pytest.mark.parametrize("module", MODULES)
def test_names_of_a_module(running: Application, module: str) -> None:
    found = importlib.import_module(f"modules.{module}")
    assert missing(found, MODULES[module], but="sd_model") == []


def test_callbacks(running: Application) -> None:
    from modules.compat import script_callbacks

    assert missing(script_callbacks, " ".join(f"on_{name}" for name in CALLBACKS.split())) == []
    called: list[Any] = []
    script_callbacks.on_script_unloaded(lambda: called.append(1))
    script_callbacks.script_unloaded_callback()
    script_callbacks.clear_callbacks()
    script_callbacks.script_unloaded_callback()
    assert called == [1]


def test_hooks_of_scripts(running: Application) -> None:
    from modules.compat import scripts

    assert missing(scripts.Script, HOOKS) == []

    class Own(scripts.Script):
        def title(self) -> str:
            return "My Own (1.0)"

    assert Own().elem_id("x").endswith("my_own_10_x")


def test_what_p_has(running: Application) -> None:
    from modules.compat import processing

    text = processing.StableDiffusionProcessingTxt2Img(prompt="a fox", enable_hr=True, width=64, height=32)
    picture = processing.StableDiffusionProcessingImg2Img(init_images=[Image.new("RGB", (8, 8))])
    assert missing(text, f"{OF_P} {OF_TXT2IMG}", but="sd_model") == []
    assert missing(picture, f"{OF_P} {OF_IMG2IMG}", but="sd_model") == []
    assert isinstance(inspect.getattr_static(type(text), "sd_model"), property)
    text.init([], [], [])
    assert (text.hr_upscale_to_x, text.hr_upscale_to_y) == (128, 64)
    assert text.cached_c == text.cached_uc == text.cached_hr_c == [None, None]
    # extensions keep notes of their own on it
    text.__dict__["_note"] = 1
    assert missing(text, "_note") == []


def test_options_and_flags(running: Application) -> None:
    from modules.compat import shared

    assert missing(shared.opts, OPTIONS) == []
    assert missing(shared.cmd_opts, FLAGS) == []
    assert getattr(shared.cmd_opts, "flag_of_nobody", "default") == "default"
    assert shared.cmd_opts.lora_dir == "somewhere"
    assert shared.opts.data.get("nobody_has_this", 5) == 5
    for kind in ("txt2img", "img2img"):  # where jobs put pictures, so that browsers of pictures find them
        folder = Path(getattr(shared.opts, f"outdir_{kind}_samples"))
        assert folder == running.folders.outputs / kind
    shared.opts.add_option("surface_word", shared.OptionInfo("a", "A word", section=("surface", "Surface")))
    assert shared.opts.surface_word == "a" and shared.opts.set("surface_word", "b")
    assert shared.opts.data["surface_word"] == "b"
    del shared.opts.data_labels["surface_word"]


def test_the_state(running: Application) -> None:
    from modules.compat import shared

    assert missing(shared.state, STATE) == []
    shared.state.begin(job="own")
    try:
        shared.state.job_count = 3
        assert shared.state.job_count == 3 and not shared.state.interrupted
    finally:
        shared.state.end()


def test_what_is_cheap_to_try(running: Application) -> None:
    from modules.compat import extra_networks, hashes, images, sd_samplers, shared
    from modules.compat.api import api
    from modules.compat.generation_parameters_copypaste import parse_generation_parameters

    picture = Image.fromarray(np.full((4, 4, 4), 128, np.uint8), "RGBA")
    assert images.flatten(picture, "#ffffff").mode == "RGB"
    same = api.decode_base64_to_image(api.encode_pil_to_base64(picture.convert("RGB")).decode())
    assert same.size == (4, 4)
    prompts, networks = extra_networks.parse_prompts(["a <lora:x:0.5>"])
    assert prompts == ["a "] and networks["lora"][0].positional == ["x", "0.5"]
    assert sd_samplers.create_sampler("Euler a", None).config.name == "Euler a"
    assert [one.name for one in shared.sd_upscalers][:2] == ["None", "Lanczos"]
    assert api.upscaler_to_index("lanczos") == 1
    assert parse_generation_parameters("a\nSteps: 3, Seed: 4, CFG scale: 5")["Steps"] == "3"
    assert hashes.sha256_from_cache("nowhere", "checkpoint/nowhere") is None
    assert shared.prompt_styles.apply_styles_to_prompt("a", []) == "a"


def test_modules_are_there_without_an_import() -> None:
    code = "import modules; print(modules.localization.__name__, hasattr(modules, 'nobody'), modules.api.__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.split() == ["modules.compat.localization", "False", "modules.compat.api"]


def test_a_module_that_is_not_there_says_so() -> None:
    with pytest.raises(ImportError):
        importlib.import_module("modules.nobody_has_this")
