"""Reads one pickle without running it.

A pickle is a small program that builds objects. Python's own `pickle` runs it, calls included; this is another machine
for the same instructions (split up by the standard library's `pickletools`), which knows containers, numbers, text
and the names of `pickle_names`. It imports nothing and calls nothing that a file names.

Limits hold back files that are made to exhaust memory or time: instructions, bytes, the size and depth of the
finished tree. Real checkpoints stay far below all of them.

Source: the instructions' description in the standard library, `pickletools`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from modules.models.pickle_names import (
    Inert,
    Named,
    NumberArray,
    NumberType,
    Parameters,
    checked_key,
    look_up,
    refusal,
)
from modules.models.pickle_tensors import DAMAGED, BadPickle, StorageView, StoredTensor, whole_storage

MAX_INSTRUCTIONS = 3_000_000
MAX_BYTES = 1 << 26
MAX_DEPTH = 64
MAX_MARKS = 1000
MAX_NODES = 4_000_000
_TOO_LARGE = "it builds more objects than any model file. Get it as .safetensors."
_TOO_DEEP = "its contents are nested deeper than in any model file, or in a circle. Get it as .safetensors."
_STRANGE = "it is put together as no model file is. Get it as .safetensors."

_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "UNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_VALUES = _NUMBERS | _TEXTS | _BYTES
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
# Bytes that a letter of a text or an item of a container counts for.
_WEIGHTS: dict[type, int] = {
    str: 1,
    bytes: 1,
    list: 16,
    tuple: 16,
    dict: 16,
    Parameters: 16,
    set: 16,
    frozenset: 16,
}
_BUILDABLE = (Parameters, NumberType, NumberArray)


def no_storages(identity: object) -> StorageView | Named:
    """For pickles that have no storages beside them."""
    raise BadPickle("it refers to data that are not in it. Download it again.")


def run(stream: BinaryIO, storage: Callable[[object], StorageView | Named] = no_storages) -> Any:
    """Read one pickle from where `stream` (in memory) stands, to its end.

    Args: storage: what a persistent id stands for.

    Raises: BadPickle: it is damaged, or asks for anything but a model's data.
    """
    machine = _Machine(storage)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_INSTRUCTIONS:
                raise BadPickle(_TOO_LARGE)
            name = instruction.name
            if name in _VALUES:
                machine.value(argument)
            elif name in _CONSTANTS:
                machine.stack.append(_CONSTANTS[name])
            elif name == "STOP":
                return machine.stack.pop()
            else:
                machine.do(name, argument)
    except (IndexError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise BadPickle(DAMAGED) from error
    raise BadPickle(DAMAGED)


class _Machine:
    """The stack and the memo, and what each instruction does to them."""

    def __init__(self, storage: Callable[[object], StorageView | Named]) -> None:
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under the marks
        self._memo: dict[int, Any] = {}
        self._storage = storage
        self._copied = 0

    def value(self, value: Any) -> None:
        """Push a number or a text."""
        if isinstance(value, int) and value.bit_length() > 512:
            raise BadPickle(_STRANGE)
        self.stack.append(bytes(value) if isinstance(value, bytearray) else value)

    def do(self, name: str, argument: Any) -> None:
        """Carry out any other instruction."""
        stack = self.stack
        if name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name == "MARK":
            if len(self._below) == MAX_MARKS:
                raise BadPickle(_TOO_DEEP)
            self._below.append(stack)
            self.stack = []
        elif name == "TUPLE":
            items = self._marked()
            self.stack.append(tuple(items))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            if len(stack) < count:
                raise IndexError
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "REDUCE" or name == "NEWOBJ":
            arguments = stack.pop()
            stack.append(self._call(stack.pop(), arguments))
        elif name in ("GLOBAL", "INST"):
            # the module ends at the line's end, so a space can only be the one between; names may hold spaces too
            module, _, attribute = argument.partition(" ")
            named = look_up(module, attribute)
            if name == "INST":
                arguments = tuple(self._marked())
                named = self._call(named, arguments)
            self.stack.append(named)
        elif name == "STACK_GLOBAL":
            attribute = stack.pop()
            stack.append(look_up(stack.pop(), attribute))
        elif name == "OBJ":
            kind, *items = self._marked()
            self.stack.append(self._call(kind, tuple(items)))
        elif name == "NEWOBJ_EX":
            keywords, arguments = stack.pop(), stack.pop()
            kind = stack.pop()
            if keywords and not isinstance(self._call(kind, ()), Inert):
                raise BadPickle(_STRANGE)
            stack.append(self._call(kind, arguments))
        elif name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif name == "BUILD":
            state = stack.pop()
            self._charge(state, state.get("_parameters") if isinstance(state, dict) else None)
            _build(stack[-1], state)
        else:
            self._contain(name)

    def _contain(self, name: str) -> None:
        """The instructions that make and fill containers, and the rest."""
        stack = self.stack
        if name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_SET":
            stack.append(set())
        elif name == "DICT":
            items = self._marked()
            self.stack.append({})
            self._set_items(items)
        elif name == "LIST":
            items = self._marked()
            self.stack.append(items)
        elif name == "FROZENSET":
            items = self._marked()
            self.stack.append(frozenset(checked_key(item) for item in items))
        elif name == "SETITEM":
            value = stack.pop()
            self._set_items([stack.pop(), value])
        elif name == "SETITEMS":
            self._set_items(self._marked())
        elif name == "APPEND":
            self._append([stack.pop()])
        elif name == "APPENDS":
            self._append(self._marked())
        elif name == "ADDITEMS":
            items = self._marked()
            if not isinstance(self.stack[-1], set):
                raise BadPickle(_STRANGE)
            self.stack[-1].update(checked_key(item) for item in items)
        elif name == "POP":
            if stack:
                stack.pop()
            else:
                self._marked()
        elif name == "POP_MARK":
            self._marked()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in ("EXT1", "EXT2", "EXT4"):
            raise BadPickle(refusal("a registered extension (copyreg)"))
        elif name not in ("PROTO", "FRAME"):
            raise BadPickle(_STRANGE)

    def _marked(self) -> list[Any]:
        """What was pushed since the last mark, taken from the stack."""
        items = self.stack
        self.stack = self._below.pop()
        return items

    def _call(self, named: object, arguments: object) -> Any:
        if not isinstance(named, Named):
            raise BadPickle(_STRANGE)
        if isinstance(arguments, tuple):
            self._charge(arguments)
            self._charge(*arguments)
        return named.call(arguments)

    def _charge(self, *copied: object) -> None:
        """Count what is copied: a few instructions could copy one large object again and again."""
        for value in copied:
            weight = _WEIGHTS.get(type(value))
            if weight:
                self._copied += len(value) * weight  # type: ignore[arg-type]
        if self._copied > MAX_BYTES:
            raise BadPickle(_TOO_LARGE)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if len(items) % 2 or not isinstance(target, dict | Inert):
            raise BadPickle(_STRANGE)
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[checked_key(key)] = value

    def _append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list | Inert):
            raise BadPickle(_STRANGE)
        if isinstance(target, list):
            target.extend(items)


def _build(target: object, state: object) -> None:
    """Give an object its state. Attributes of dicts (`_metadata`) and of what is left out mean nothing here."""
    if isinstance(target, _BUILDABLE):
        target.build(state)
    elif not isinstance(target, dict | Inert):
        raise BadPickle(_STRANGE)


def finish(tree: Any, tensor: Callable[[StoredTensor], Any]) -> Any:
    """The finished tree: plain containers, numpy arrays, and for every tensor what `tensor` makes of it.

    Raises: BadPickle: it is too deep, has circles, or has more nodes than any model (shared ones counted each time).
    """
    done: dict[int, tuple[Any, int, int]] = {}  # id -> result, height, nodes
    array_bytes = 0

    def visit(value: Any, depth: int) -> tuple[Any, int, int]:
        if value is None or isinstance(value, str | int | float | bytes):
            return value, 0, 1
        known = done.get(id(value))
        if known is None:
            if depth > MAX_DEPTH:
                raise BadPickle(_TOO_DEEP)
            known = done[id(value)] = build(value, depth)
        if depth + known[1] > MAX_DEPTH:
            raise BadPickle(_TOO_DEEP)
        return known

    def build(value: Any, depth: int) -> tuple[Any, int, int]:
        if isinstance(value, StoredTensor):
            return tensor(value), 0, 1
        if isinstance(value, StorageView):
            return tensor(whole_storage(value)), 0, 1
        if isinstance(value, NumberArray):
            nonlocal array_bytes
            array_bytes += value.array.nbytes
            if array_bytes > 4 * MAX_BYTES:
                raise BadPickle(_TOO_LARGE)
            return value.array.copy(), 0, 1
        if isinstance(value, NumberType):
            return value.dtype(), 0, 1
        if not isinstance(value, dict | list | tuple):
            return value, 0, 1
        parts = [visit(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
        nodes = 1 + sum(part[2] for part in parts)
        if nodes > MAX_NODES:
            raise BadPickle(_TOO_LARGE)
        results = [part[0] for part in parts]
        height = 1 + max((part[1] for part in parts), default=0)
        if isinstance(value, dict):
            return dict(zip(value, results, strict=True)), height, nodes
        return (tuple(results) if isinstance(value, tuple) else results), height, nodes

    return visit(tree, 0)[0]
