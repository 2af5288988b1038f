"""Weights for the blocks of a U-Net (`lbw=`): how strongly a network acts on each.

The lists are those of the "LoRA Block Weight" convention: BASE (the text encoders, and what is in no block), then the
blocks that networks of a kind touch, from the input to the output. A block that a list doesn't name goes with the
block before it.
"""

from __future__ import annotations

import math
import re

from modules.faults import InvalidField

_MIDDLE = "middle_block"


def _blocks(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[str, ...]:
    return (
        *(f"input_blocks.{i}" for i in inputs),
        _MIDDLE,
        *(f"output_blocks.{i}" for i in outputs),
    )


LAYOUTS: dict[int, tuple[str, ...]] = {
    12: _blocks((4, 5, 7, 8), tuple(range(6))),
    17: _blocks((1, 2, 4, 5, 7, 8), tuple(range(3, 12))),
    20: _blocks(tuple(range(9)), tuple(range(9))),
    26: _blocks(tuple(range(12)), tuple(range(12))),
}
"""The blocks after BASE, by the length of a list: 17 LoRA of SD1 and SD2, 26 LyCORIS; 12 and 20 the same for SDXL."""

_I, _O = (1.0,), (0.0,)
PRESETS: dict[str, tuple[float, ...]] = {
    "NONE": _O * 17,
    "ALL": _I * 17,
    "INS": _I * 3 + _O * 14,
    "IND": _I + _O * 3 + _I * 3 + _O * 10,
    "INALL": _I * 7 + _O * 10,
    "MIDD": _I + _O * 3 + _I * 8 + _O * 5,
    "OUTD": _I + _O * 7 + _I * 4 + _O * 5,
    "OUTS": _I + _O * 11 + _I * 5,
    "OUTALL": _I + _O * 7 + _I * 9,
}


def parse_block_weights(text: str) -> tuple[float, ...]:
    """The list behind `lbw=`: a preset's name, or numbers with commas.

    Raises: InvalidField: it is neither.
    """
    name = text.strip().upper()
    if name in PRESETS:
        return PRESETS[name]
    try:
        weights = tuple(float(number) for number in text.split(","))
    except ValueError:
        weights = ()
    if len(weights) not in LAYOUTS or not all(math.isfinite(weight) for weight in weights):
        raise InvalidField(
            "prompt",
            f"lbw={text[:60]} is no list of block weights. Give 12, 17, 20 or 26 numbers with commas, "
            f"or one of {', '.join(PRESETS)}.",
        )
    return weights


_BLOCK = re.compile(r"(input_blocks|output_blocks)\.(\d+)\.|(middle_block)\.")
_ORDER = {"input_blocks": 0, _MIDDLE: 1, "output_blocks": 2}


def _position(block: str) -> tuple[int, int]:
    kind, _, number = block.partition(".")
    return _ORDER[kind], int(number or 0)


def block_weight(weights: tuple[float, ...] | None, module: str | None) -> float:
    """The weight for a module of the U-Net.

    Args:
        weights: a list from `parse_block_weights`; None: 1 everywhere.
        module: its name in the original layout; None for a text encoder.
    """
    if weights is None:
        return 1.0
    found = _BLOCK.match(module or "")
    if found is None:
        return weights[0]
    here = _position(f"{found[1]}.{found[2]}" if found[1] else _MIDDLE)
    before = sum(_position(block) <= here for block in LAYOUTS[len(weights)])
    return weights[before]
