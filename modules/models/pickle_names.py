"""All names that a model's pickle may say, and what they become here.

Nothing that a pickle names is imported or called: the names in this table have functions of ours, which check their
arguments; the names of a few classes that training programs leave in their files become empty objects; any other
name is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from modules.models.pickle_tensors import BadPickle, StorageType, StoredTensor, stored_tensor

Arguments = Sequence[Any]
_MAX_NAME = 1000


@dataclass(frozen=True)
class Named:
    """A name in a pickle. Where it is called, `make` gives the result; without one it can't be called."""

    name: str
    make: Callable[[Arguments], Any] | None = field(default=None, compare=False, repr=False)

    def call(self, arguments: object) -> Any:
        """What stands for the result of a call.

        Raises: BadPickle: it can't be called, or not with these arguments.
        """
        if self.make is None:
            raise BadPickle(refusal(self.name))
        if not isinstance(arguments, tuple):
            raise BadPickle(_odd(self.name))
        try:
            return self.make(arguments)
        except (TypeError, ValueError, LookupError, OverflowError, MemoryError, AttributeError) as error:
            raise BadPickle(_odd(self.name)) from error


class Inert:
    """Stands for an object of a training program that no one needs: it has no content and does nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}, left out>"


class Parameters(dict[str, Any]):
    """A `torch.nn.ParameterDict`: its state holds the tensors."""

    def build(self, state: object) -> None:
        """Take the tensors out of the object's state."""
        inner = state.get("_parameters") if isinstance(state, dict) else None
        if isinstance(inner, dict):
            self.update(inner)


class NumberType:
    """A `numpy.dtype` of plain numbers."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._order = "="

    def build(self, state: object) -> None:
        """Take the byte order out of the state."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "=", "|"):
            raise BadPickle(_odd("numpy.dtype"))
        self._order = order

    def dtype(self) -> np.dtype[Any]:
        """It, as numpy's own."""
        return np.dtype(self._code).newbyteorder(self._order)  # type: ignore[arg-type]


class NumberArray:
    """A `numpy.ndarray` of plain numbers."""

    def __init__(self) -> None:
        self.array = np.zeros(0)

    def build(self, state: object) -> None:
        """Take shape, kind and bytes out of the state `(version, shape, dtype, Fortran order, bytes)`."""
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], NumberType):
            raise BadPickle(_odd("numpy.ndarray"))
        _, shape, kind, fortran, data = state
        try:
            array = np.frombuffer(data, kind.dtype()) if data else np.zeros(0, kind.dtype())
            self.array = array.reshape(shape, order="F" if fortran is True else "C")
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise BadPickle(_odd("numpy.ndarray")) from error


def shown(name: str) -> str:
    """A name out of a file, fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in name[:80])


def refusal(name: str) -> str:
    """Why a pickle with this name isn't used."""
    return f"it wants to run {shown(name)}, which no model file needs. Get it as .safetensors."


def _odd(name: str) -> str:
    return f"it uses {shown(name)} in a way that no model file does. Get it as .safetensors."


def look_up(module: object, name: object) -> Named | StorageType | torch.dtype:
    """What a name in a pickle stands for.

    Raises: BadPickle: it stands for nothing here; the message says the name.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise BadPickle("it names things in a way that no model file does. Get it as .safetensors.")
    if len(module) + len(name) > _MAX_NAME:
        raise BadPickle(refusal(module[:80]))
    full = f"{module}.{name}"
    if full in _FUNCTIONS:
        return Named(full, _FUNCTIONS[full])
    if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGES:
        return StorageType(_STORAGES[name])
    if module == "torch" and name in _DTYPES:
        return _DTYPES[name]
    left_out = full in _INERT or any(module == root or module.startswith(root + ".") for root in _INERT_ROOTS)
    if left_out and name.isidentifier():
        return Named(full, lambda arguments: Inert(full))
    raise BadPickle(refusal(full))


# -- the functions: each takes the arguments of the call ----------------------------------------------------


def _pairs(arguments: Arguments) -> dict[Any, Any]:
    """An `OrderedDict` or `dict`, empty or of pairs."""
    (pairs,) = arguments or ((),)
    if not isinstance(pairs, dict | list | tuple):
        raise TypeError
    entries = pairs.items() if isinstance(pairs, dict) else pairs
    return {checked_key(key): value for key, value in entries}


def _default_dict(arguments: Arguments) -> dict[Any, Any]:
    return _pairs(arguments[1:])


def _items(arguments: Arguments) -> list[Any]:
    (items,) = arguments or ((),)
    if not isinstance(items, list | tuple | set | frozenset):
        raise TypeError
    return list(items)


def _set(arguments: Arguments) -> set[Any]:
    return {checked_key(item) for item in _items(arguments)}


def _encode(arguments: Arguments) -> bytes:
    """Bytes as older protocols write them: text and the name of an encoding."""
    text, encoding = arguments if len(arguments) == 2 else (*arguments, "latin1")
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise TypeError
    return text.encode("latin1")


def _bytes(arguments: Arguments) -> bytes:
    # bytes(10 ** 12) would be that many zeros
    if arguments and isinstance(arguments[0], bytes) and len(arguments) == 1:
        return arguments[0]
    return _encode(arguments) if arguments else b""


def _complex(arguments: Arguments) -> complex:
    real, imaginary = arguments
    if not isinstance(real, float | int) or not isinstance(imaginary, float | int):
        raise TypeError
    return complex(real, imaginary)


def _size(arguments: Arguments) -> tuple[Any, ...]:
    return tuple(_items(arguments))


def _device(arguments: Arguments) -> str:
    kind, *number = arguments
    if (
        not isinstance(kind, str)
        or len(kind) > 40
        or len(number) > 1
        or not all(type(n) is int for n in number)
    ):
        raise TypeError
    return ":".join([kind, *map(str, number)])


def _tensor(arguments: Arguments) -> StoredTensor:
    storage, offset, shape, stride = arguments[:4]
    return stored_tensor(storage, offset, shape, stride)


def _tensor_of_kind(arguments: Arguments) -> StoredTensor:
    dtype = arguments[6]
    if not isinstance(dtype, torch.dtype):
        raise TypeError
    storage, offset, shape, stride = arguments[:4]
    return stored_tensor(storage, offset, shape, stride, dtype)


def _parameter(arguments: Arguments) -> StoredTensor:
    if not isinstance(arguments[0], StoredTensor):
        raise TypeError
    return arguments[0]


def _tensor_with_attributes(arguments: Arguments) -> Any:
    """`(rebuilding function, class, its arguments, attributes)`: the attributes are left out."""
    function, kind, inner, *_ = arguments
    if not isinstance(function, Named) or not isinstance(kind, Named):
        raise TypeError
    if function.name not in _REBUILDS or kind.name not in _TENSOR_CLASSES:
        raise BadPickle(refusal(function.name if function.name not in _REBUILDS else kind.name))
    return function.call(inner)


def _number_type(arguments: Arguments) -> NumberType:
    code = arguments[0]
    if not isinstance(code, str) or code not in _NUMBER_CODES:  # "O8" would be Python objects
        raise TypeError
    return NumberType(code)


def _number(arguments: Arguments) -> Any:
    kind, data = arguments
    dtype = kind.dtype()
    if not isinstance(kind, NumberType) or not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise TypeError
    return np.frombuffer(data, dtype)[0].item()


def _array(arguments: Arguments) -> NumberArray:
    kind = arguments[0]
    if not isinstance(kind, Named) or kind.name != "numpy.ndarray":
        raise TypeError
    return NumberArray()


def _object(arguments: Arguments) -> Any:
    """An object as protocols 0 and 1 make it: `(class, base, state of the base)`."""
    kind = arguments[0]
    if not isinstance(kind, Named):
        raise TypeError
    return kind.call(())


def checked_key(key: Any) -> Any:
    """A key of a dict or an item of a set, if it is plain; others could take forever to hash.

    Raises: BadPickle.
    """
    plain = (str, bytes, int, float, complex, bool, type(None), Named, Inert, torch.dtype)
    if isinstance(key, plain):
        return key
    if isinstance(key, tuple) and len(key) <= 16 and all(isinstance(part, plain) for part in key):
        return key
    raise BadPickle("it has keys that no model file has. Get it as .safetensors.")


_REBUILDS = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_kind,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}
_TENSOR_CLASSES = {
    "torch.Tensor": None,
    "torch.nn.parameter.Parameter": None,
    "torch.nn.parameter.Buffer": None,
}
_FUNCTIONS: dict[str, Callable[[Arguments], Any] | None] = {
    **_REBUILDS,
    **_TENSOR_CLASSES,
    "torch._tensor._rebuild_from_type_v2": _tensor_with_attributes,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.nn.modules.container.ParameterDict": lambda arguments: Parameters(),
    "collections.OrderedDict": _pairs,
    "collections.defaultdict": _default_dict,
    "collections.Counter": _pairs,
    "_codecs.encode": _encode,
    "numpy.dtype": _number_type,
    "numpy.ndarray": None,
}
for _core in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _FUNCTIONS |= {f"{_core}.scalar": _number, f"{_core}._reconstruct": _array}
for _builtins in ("builtins", "__builtin__"):
    _FUNCTIONS |= {
        f"{_builtins}.dict": _pairs,
        f"{_builtins}.list": _items,
        f"{_builtins}.tuple": _size,
        f"{_builtins}.set": _set,
        f"{_builtins}.frozenset": _set,
        f"{_builtins}.bytes": _bytes,
        f"{_builtins}.bytearray": _bytes,
        f"{_builtins}.complex": _complex,
        # classes that may be named, as the factory of a defaultdict or the base of an object
        f"{_builtins}.int": None,
        f"{_builtins}.float": None,
        f"{_builtins}.str": None,
        f"{_builtins}.bool": None,
        f"{_builtins}.object": None,
    }
for _registry in ("copyreg", "copy_reg"):
    _FUNCTIONS[f"{_registry}._reconstructor"] = _object

# Left in files by PyTorch Lightning and what it brings along.
_INERT_ROOTS = ("pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities", "omegaconf")
_INERT = {
    "typing.Any",
    "argparse.Namespace",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
}

_NUMBER_CODES = {
    "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16",
}  # fmt: skip
_STORAGES = {
    "UntypedStorage": torch.uint8,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16",
        "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
        "float8_e5m2fnuz", "float8_e8m0fnu",
    )
    if hasattr(torch, name)
}  # fmt: skip
_DTYPES |= {"half": torch.float16, "float": torch.float32, "double": torch.float64, "long": torch.int64}
