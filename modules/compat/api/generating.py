"""What `Api.text2imgapi` and `Api.img2imgapi` do: bodies of the API carried out for extensions that call them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fastapi import HTTPException

from modules.compat import processing_objects
from modules.compat.script_runner import ScriptRunner, runner_for

_PICTURES = ("init_images", "mask", "firstpass_image")


def answer(body: Any, is_img2img: bool) -> dict[str, Any]:
    """The fields of the answer to a body.

    Raises: HTTPException: there is no such script, or a picture that is none; Fault: it can't be carried out.
    """
    from modules.compat.api.api import encode_pil_to_base64
    from modules.compat.processing_run import process_images

    said = dict(body) if isinstance(body, dict) else body.model_dump()
    runner = runner_for("img2img" if is_img2img else "txt2img")
    p = processing_of(said, is_img2img)
    p.scripts, p.script_args = runner, arguments_of(runner, said)
    p.is_api = True
    processed = runner.run(p, *p.script_args) if p.script_args[0] else None
    processed = processed or process_images(p)
    p.close()
    send = said.get("send_images", True)
    images = [encode_pil_to_base64(image).decode() for image in processed.images] if send else []
    parameters = {name: value for name, value in said.items() if name not in _PICTURES}
    return {"images": images, "parameters": parameters, "info": processed.js()}


def processing_of(said: dict[str, Any], is_img2img: bool) -> Any:
    """The `p` of a body."""
    from modules.compat.api.api import decode_base64_to_image

    kind: Any = (
        processing_objects.StableDiffusionProcessingImg2Img
        if is_img2img
        else processing_objects.StableDiffusionProcessingTxt2Img
    )
    known = {field.name for field in fields(kind) if field.init}
    given = {name: value for name, value in said.items() if name in known and value is not None}
    for name in _PICTURES:
        value = given.get(name)
        if isinstance(value, str):
            given[name] = decode_base64_to_image(value)
        elif isinstance(value, list):
            given[name] = [decode_base64_to_image(one) for one in value]
    given["sampler_name"] = said.get("sampler_name") or said.get("sampler_index")
    given.pop("sampler_index", None)
    given["do_not_save_samples"] = given["do_not_save_grid"] = not said.get("save_images", False)
    return kind(**given)


def arguments_of(runner: ScriptRunner, said: dict[str, Any]) -> list[Any]:
    """`p.script_args` of a body: the chosen script's place, then all scripts' values.

    Raises: HTTPException: there is no such script.
    """
    runner.ensure_controls()
    args: list[Any] = [0]
    for script in [*runner.alwayson_scripts, *runner.selectable_scripts]:
        args += runner.defaults(script)
    for name, more in (said.get("alwayson_scripts") or {}).items():
        _put(args, _script(runner, name), list((more or {}).get("args", [])))
    if said.get("script_name"):
        script = _script(runner, said["script_name"])
        args[0] = runner.selectable_scripts.index(script) + 1
        _put(args, script, list(said.get("script_args") or []))
    return args


def _script(runner: ScriptRunner, name: str) -> Any:
    script = runner.script(name)
    if script is None:
        raise HTTPException(status_code=422, detail=f"Script '{name}' not found")
    return script


def _put(args: list[Any], script: Any, values: list[Any]) -> None:
    fitting = values[: script.args_to - script.args_from]
    args[script.args_from : script.args_from + len(fitting)] = fitting
