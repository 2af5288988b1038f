"""Values of the older scripts' controls, as a request holds them (JSON) and as a script gets them.

A picture is kept by `imaging.inputs` and stands as `{"easel_picture": name}`. What is no JSON at all (an object in a
`gr.State`) is kept in memory and stands as `{"easel_object": number}`; after a restart it is gone, and the control's
first value takes its place.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

from modules.compat.house import house

log = logging.getLogger(__name__)

PICTURE = "easel_picture"
OBJECT = "easel_object"
GONE = object()
"""Stands for an object that is no more."""
_MAX_OBJECTS = 512
_FILE_KINDS = ("Image", "ImageEditor", "File", "Gallery", "Audio", "Video", "UploadButton", "Model3D")


class _Objects:
    """Objects by numbers, the latest ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._next = 1

    def keep(self, value: Any) -> int:
        """Keep a copy, as far as it can be copied: what the page changes later is another request's."""
        try:
            value = copy.deepcopy(value)
        except Exception:
            log.debug("%s can't be copied", type(value))
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._kept[number] = value
            while len(self._kept) > _MAX_OBJECTS:
                self._kept.popitem(last=False)
            return number

    def get(self, number: int) -> Any:
        """The object, or GONE."""
        with self._lock:
            return self._kept.get(number, GONE)


_objects = _Objects()


def to_json(value: Any) -> Any:
    """A value as a request can hold it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [to_json(one) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: to_json(one) for key, one in value.items()}
    if (picture := _picture(value)) is not None:
        kind, image = picture
        return {PICTURE: house().inputs.keep(image), "as": kind}
    if isinstance(number := getattr(value, "item", None), object) and callable(number) and not _shape(value):
        return to_json(value.item())  # a number of numpy or torch
    return {OBJECT: _objects.keep(value)}


def from_json(value: Any) -> Any:
    """A value as a script gets it; GONE where an object is no more.

    Raises: UnknownName: a picture is no more.
    """
    if isinstance(value, list):
        return [from_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    if PICTURE in value:
        image = house().inputs.open(value[PICTURE], "alwayson_scripts")
        if value.get("as") == "numpy":
            import numpy as np

            return np.asarray(image).copy()
        return image
    if OBJECT in value:
        return _objects.get(value[OBJECT])
    return {key: from_json(one) for key, one in value.items()}


def from_page(component: Any, payload: Any) -> Any:
    """What the browser says of a component, as a request holds it: what a Gradio event would hand to a function.

    Args: payload: of the component, not preprocessed.
    """
    kind = kind_of(component)
    if kind == "State":
        return to_json(payload)
    if payload is None:
        return None
    if getattr(component, "type", None) == "index" and hasattr(component, "choices"):
        return _indexes(component.choices, payload)
    if kind == "Number":
        return _number(component, payload)
    if kind in _FILE_KINDS and isinstance(payload, (dict, list)):
        return to_json(_opened(component, payload))
    return to_json(payload)


def argument(component: Any, stored: Any, default: Any = None) -> Any:
    """A stored value as its script gets it. Values that no `from_page` has seen are taken as the browser sent them."""
    if _raw_file(stored) and kind_of(component) in _FILE_KINDS:
        return _opened(component, stored)
    if isinstance(stored, str) and getattr(component, "type", None) == "index":
        return _indexes(getattr(component, "choices", ()), stored)
    value = from_json(stored)
    return default if value is GONE else value


def first_value(component: Any) -> Any:
    """What a component says before anybody has touched it."""
    value = getattr(component, "value", None)
    if kind_of(component) in _FILE_KINDS:
        try:
            return _opened(component, value) if value else None
        except Exception as error:
            log.debug("The first value of %s can't be read: %s", component, error)
            return None
    if value is not None and getattr(component, "type", None) == "index":
        return _indexes(getattr(component, "choices", ()), value)
    return value


def kind_of(component: Any) -> str:
    """The name of Gradio's own class of it, "Dropdown"."""
    kind = component.__class__
    while getattr(kind, "is_template", False) or not kind.__module__.startswith("gradio."):
        kind = kind.__base__
        if kind is object:
            return ""
    name: str = kind.__name__
    return name


def _opened(component: Any, payload: Any) -> Any:
    """A file's value as a function gets it (a picture, a path).

    Raises: whatever Gradio raises, where the file is none that was uploaded.
    """
    from gradio.processing_utils import check_all_files_in_cache

    data = component.data_model
    if isinstance(payload, (dict, list)) and data is not None:
        check_all_files_in_cache(cast(Any, payload))
        payload = data.model_validate(payload)
    return component.preprocess(payload)


def _raw_file(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _raw_file(value[0])
    if not isinstance(value, dict) or PICTURE in value or OBJECT in value:
        return False
    return (
        "path" in value
        or "composite" in value
        or (isinstance(value.get("image"), dict) and "path" in value["image"])
    )


def _indexes(choices: Sequence[Any], payload: Any) -> Any:
    values = [choice[1] if isinstance(choice, (tuple, list)) else choice for choice in choices]

    def index(value: Any) -> Any:
        return values.index(value) if value in values else None

    return [index(value) for value in payload] if isinstance(payload, list) else index(payload)


def _number(component: Any, payload: Any) -> Any:
    precision = getattr(component, "precision", None)
    try:
        number = float(payload)
    except (TypeError, ValueError):
        return None
    if precision is None:
        return payload if isinstance(payload, (int, float)) else number
    return round(number) if precision == 0 else round(number, precision)


def _picture(value: Any) -> tuple[str, Any] | None:
    """Kind and PIL picture of a picture, else None."""
    from PIL import Image

    if isinstance(value, Image.Image):
        return "pil", value
    shape = _shape(value)
    if (
        type(value).__module__ == "numpy"
        and len(shape) in (2, 3)
        and str(getattr(value, "dtype", "")) == "uint8"
    ):
        try:
            return "numpy", Image.fromarray(value)
        except (TypeError, ValueError):
            return None
    return None


def _shape(value: Any) -> tuple[int, ...]:
    shape = getattr(value, "shape", ())
    return tuple(shape) if isinstance(shape, (tuple, list)) else ()


encode, decode = to_json, from_json
