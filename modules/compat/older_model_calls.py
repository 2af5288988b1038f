"""Our calls of the model in the form in which the older UI's callbacks know them, and back.

The older denoiser asks the model about all texts at once. Its rows are, picture by picture, the parts of the
prompt, and then the pictures once more for the negative prompt: `[B * parts + B, 4, h, w]`. Texts go along in the
same order: `text_cond` is `[B * parts, tokens, width]`, `text_uncond` `[B, tokens, width]`, or with SDXL dicts of
`crossattn` and `vector`. What a callback changes is taken back from there; of the noisy latents those rows that
belong to the first part of the prompt, as we hand the same latents to all texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from modules.models.conditioning import Conditioning
from modules.sampling.denoiser import ModelCall


def rows_of(latents: Tensor, parts: int) -> Tensor:
    """Latents `[B, 4, h, w]` as the older denoiser has them, `[B * parts + B, 4, h, w]`."""
    return torch.cat([latents.repeat_interleave(parts, dim=0), latents])


def joined(parts: Sequence[Tensor], negative: Sequence[Tensor]) -> Tensor:
    """One tensor `[B, ...]` for each part of the prompt, in the older order, with those of the negative prompt."""
    return torch.cat([torch.stack(list(parts), dim=1).flatten(0, 1), *negative])


def apart(rows: Tensor, parts: int, negatives: int) -> list[Tensor]:
    """What `joined` joined: for each part `[B, ...]`, then for each negative `[B, ...]`."""
    batch = len(rows) // (parts + negatives)
    positive = rows[: batch * parts].unflatten(0, (batch, parts))
    rest = rows[batch * parts :]
    return [*positive.unbind(1), *(rest[i * batch : (i + 1) * batch] for i in range(negatives))]


def texts_of(conditionings: Sequence[Conditioning], batch: int) -> Any:
    """Conditionings as the older denoiser has them: `[B * n, tokens, width]`, picture by picture."""

    def stacked(tensors: list[Tensor]) -> Tensor:
        spread = [each.expand(batch, *each.shape[1:]) for each in tensors]
        return torch.stack(spread, dim=1).flatten(0, 1)

    tokens = stacked([each.tokens for each in conditionings])  # the parts of a prompt are of one length
    vectors = [each.vector for each in conditionings if each.vector is not None]
    if len(vectors) != len(conditionings):
        return tokens
    return {"crossattn": tokens, "vector": stacked(vectors)}


def with_texts(conditionings: Sequence[Conditioning], texts: Any, batch: int) -> tuple[Conditioning, ...]:
    """The conditionings with the texts that a callback left; those that it left alone are the same objects.

    Raises: ValueError: another number of texts.
    """
    if _same(texts_of(conditionings, batch), texts):
        return tuple(conditionings)
    count = len(conditionings)
    tokens = _spread(texts["crossattn"] if isinstance(texts, dict) else texts, batch, count)
    vectors: Sequence[Tensor | None] = [each.vector for each in conditionings]
    if isinstance(texts, dict) and texts.get("vector") is not None:
        vectors = _spread(texts["vector"], batch, count)
    return tuple(
        replace(each, tokens=text, vector=vector)
        for each, text, vector in zip(conditionings, tokens, vectors, strict=True)
    )


def _spread(rows: Tensor, batch: int, count: int) -> list[Tensor]:
    if len(rows) != batch * count:
        raise ValueError(f"a callback left {len(rows)} texts where there were {batch * count}")
    return list(rows.unflatten(0, (batch, count)).unbind(1))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) or isinstance(other, dict):
        both = isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys()
        return both and all(_same(one[key], other[key]) for key in one)
    return isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one, other)


def image_cond_of(call: ModelCall, rows: int) -> Tensor:
    """What the model is told of a picture, for each row; zeros `[rows, 5, 1, 1]` where it is told nothing."""
    channels = call.positive[0].channels
    if channels is None:
        return call.latents.new_zeros(rows, 5, 1, 1)
    return rows_of(channels.expand(len(call.latents), *channels.shape[1:]), len(call.positive))


def changed_call(call: ModelCall, params: Any, told: Tensor) -> ModelCall:
    """The call with what the callbacks left in their parameters; the same object where they left all alone.

    Args: told: the `image_cond` that they were given a copy of.

    Raises: ValueError: shapes that don't fit.
    """
    batch, parts = len(call.latents), len(call.positive)
    rows: Tensor = params.x[: batch * parts : parts]
    if rows.shape != call.latents.shape:
        raise ValueError(f"a callback left latents of the shape {tuple(params.x.shape)}")
    latents = call.latents if torch.equal(rows, call.latents) else rows
    sigma = call.sigma if torch.equal(params.sigma[:batch], call.sigma) else params.sigma[:batch]
    positive = with_texts(call.positive, params.text_cond, batch)
    (negative,) = with_texts([call.negative], params.text_uncond, batch)
    if call.positive[0].channels is not None and not torch.equal(params.image_cond, told):
        channels = apart(params.image_cond, parts, 1)
        positive = tuple(replace(each, channels=channels[i]) for i, each in enumerate(positive))
        negative = replace(negative, channels=channels[-1])
    same = latents is call.latents and sigma is call.sigma and negative is call.negative
    if same and all(a is b for a, b in zip(positive, call.positive, strict=True)):
        return call
    return ModelCall(latents, sigma, positive, negative, call.number)
