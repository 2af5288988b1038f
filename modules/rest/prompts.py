"""`/easel/prompt`: how a prompt is read; `/easel/names`: what a word that is being typed may become."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, model_validator

from modules.faults import InvalidField
from modules.generation.options import MAX_STEPS
from modules.prompts.chunks import EmbeddingIndex, EmbeddingRef, TokenVocabulary
from modules.prompts.explain import END_OF_WORD, KnownNames, explain
from modules.rest.bodies import CheckedRoute, Whole
from modules.rest.errors import brief
from modules.rest.services import NameSource, RestServices
from modules.sampling.catalogue import AUTOMATIC, resolve

if TYPE_CHECKING:
    from tokenizers.decoders import ByteLevel

LONGEST_PROMPT = 64 * 1024
MOST_NAMES = 200
KINDS = {
    "embedding": "Embedding",
    "lora": "LoRA",
    "hypernet": "Hypernetwork",
    "style": "Style",
    "wildcard": "Wildcard",
}
"""What can be completed, and how each is called."""
TAGS_AS = {"lyco": "lora"}
"""Kinds of tags that mean the networks of another kind."""
_BRACKETS = re.compile(r"([\\()\[\]])")


class PromptBody(BaseModel):
    """The fields of `POST /easel/prompt`; null takes the default."""

    prompt: str = ""
    negative_prompt: str = ""
    steps: Whole = 20
    sampler: str = ""
    hires_steps: Whole = 0

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value is not None}
        return values


@dataclass(frozen=True)
class _Listed:
    """The names of one kind, as they came and prepared for searching: `(folded, name)`, sorted."""

    names: list[str]
    folded: list[tuple[str, str]]

    def matching(self, start: str, limit: int) -> list[tuple[int, str, str]]:
        """`(rank, folded, name)`: names that begin with the folded text have rank 0, those that hold it 1."""
        first = bisect_left(self.folded, (start,))
        begin = 0
        found: list[tuple[int, str, str]] = []
        for folded, name in islice(self.folded, first, first + limit):
            if not folded.startswith(start):
                break
            found.append((0, folded, name))
            begin += 1
        if not start or begin == limit:
            return found
        held = (
            (1, folded, name)
            for folded, name in self.folded
            if start in folded and not folded.startswith(start)
        )
        return [*found, *islice(held, limit - begin)]


class _Names:
    """The names of a `NameSource`, prepared anew when they change."""

    def __init__(self, source: NameSource | None) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._lists: dict[str, _Listed] = {}
        self._known: tuple[list[_Listed], KnownNames] | None = None
        self._index: tuple[_Listed, EmbeddingIndex] | None = None

    def candidates(self, kinds: Sequence[str], text: str, limit: int) -> list[dict[str, str]]:
        """Candidates of some kinds for a text, the best first."""
        start = text.casefold()
        found = [
            (rank, folded, kind, name)
            for kind in kinds
            for rank, folded, name in self._listed(kind).matching(start, limit)
        ]
        return [
            {"kind": kind, "name": name, "insert": inserted(kind, name), "hint": KINDS[kind]}
            for _, _, kind, name in sorted(found)[:limit]
        ]

    def known(self) -> KnownNames:
        """The names for remarks about unknown ones."""
        if self._source is None:
            return KnownNames()
        lists = [self._listed(kind) for kind in ("lora", "hypernet", "wildcard")]
        with self._lock:
            # a list that hasn't changed is the same object
            known = self._known
            if known is None or any(a is not b for a, b in zip(known[0], lists, strict=True)):
                lora, hypernet, wildcard = lists
                networks = {"lora": lora.names, "hypernet": hypernet.names}
                networks |= {alias: networks[kind] for alias, kind in TAGS_AS.items()}
                known = self._known = (lists, KnownNames.of(networks, wildcard.names))
            return known[1]

    def embeddings(self) -> EmbeddingIndex | None:
        """Finds embeddings among token ids; None where there are none."""
        if self._source is None:
            return None
        listed = self._listed("embedding")
        if not listed.names:
            return None
        with self._lock:
            if self._index is None or self._index[0] is not listed:
                from modules.models.tokenizer import tokenize

                references = [
                    EmbeddingRef(name, self._source.embedding_vectors(name)) for name in listed.names
                ]
                index = EmbeddingIndex(zip(tokenize(listed.names), references, strict=True))
                self._index = (listed, index)
            return self._index[1]

    def _listed(self, kind: str) -> _Listed:
        names = self._names(kind)
        with self._lock:
            listed = self._lists.get(kind)
            if listed is None or listed.names != names:
                listed = _Listed(names, sorted((name.casefold(), name) for name in names))
                self._lists[kind] = listed
            return listed

    def _names(self, kind: str) -> list[str]:
        if self._source is None:
            return []
        if kind == "embedding":
            return self._source.embeddings()
        if kind == "style":
            return self._source.styles()
        if kind == "wildcard":
            return self._source.wildcards()
        return self._source.networks(kind)


def inserted(kind: str, name: str) -> str:
    """What stands in the prompt for a name; nothing for a style, which is chosen and not written."""
    if kind == "style":
        return ""
    if kind == "wildcard":
        return f"__{name}__"
    if kind == "embedding":
        return _BRACKETS.sub(r"\\\1", name)
    return f"<{kind}:{name}:1>"


@cache
def _bytes() -> ByteLevel:
    from tokenizers.decoders import ByteLevel

    return ByteLevel()


@cache
def token_text(token: int) -> str:
    """How a token is written, in real characters; the last token of a word ends with `</w>`."""
    from modules.models.tokenizer import token_text as written

    text = written(token)
    end = END_OF_WORD if text.endswith(END_OF_WORD) else ""
    return _bytes().decode([text.removesuffix(END_OF_WORD)]) + end


def routes(services: RestServices) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel", route_class=CheckedRoute, tags=["easel"])
    names = _Names(services.names)

    @router.post("/prompt")
    def prompt(body: PromptBody) -> dict[str, Any]:
        """How a prompt is read: parts, texts over the steps, chunks, weights, network tags, remarks."""
        from modules.models.tokenizer import tokenize

        _check(body)
        index = names.embeddings()
        explanation = explain(
            body.prompt,
            body.negative_prompt,
            body.steps,
            hires_steps=body.hires_steps or None,
            calls_a_step=resolve(body.sampler, AUTOMATIC)[0].calls_a_step if body.sampler.strip() else 1,
            tokenize=tokenize,
            token_text=token_text,
            vocabulary=TokenVocabulary(),
            find_embedding=index.find if index else None,
            known=names.known(),
        )
        return explanation.describe()

    @router.get("/names")
    def candidates(kind: str = "", q: str = "", limit: int = 20) -> list[dict[str, str]]:
        """Names that begin with `q`, then those that hold it; of one kind or (without `kind`) of all."""
        if kind and kind not in KINDS:
            raise InvalidField("kind", f"kind must be one of {', '.join(KINDS)}, not {brief(kind)}.")
        if not 1 <= limit <= MOST_NAMES:
            raise InvalidField("limit", f"limit must be from 1 to {MOST_NAMES}, not {brief(limit)}.")
        return names.candidates([kind] if kind else list(KINDS), q.strip(), limit)

    return router


def _check(body: PromptBody) -> None:
    for name, text in (("prompt", body.prompt), ("negative_prompt", body.negative_prompt)):
        if len(text) > LONGEST_PROMPT:
            raise InvalidField(
                name, f"{name} has {len(text):,} characters; at most {LONGEST_PROMPT:,} can be explained."
            )
    for name, steps, least in (("steps", body.steps, 1), ("hires_steps", body.hires_steps, 0)):
        if not least <= steps <= MAX_STEPS:
            raise InvalidField(name, f"{name} must be from {least} to {MAX_STEPS}, not {steps}.")
