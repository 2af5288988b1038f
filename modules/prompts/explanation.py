"""An explanation of a prompt, as plain values: what `explain` returns, and how it is told as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modules.prompts.chunks import CHUNK_LENGTH
from modules.prompts.remarks import PromptWarning


@dataclass(frozen=True)
class TokenReading:
    """One token, or one textual-inversion embedding.

    Args:
        places: how many of the chunk's places it takes.
        ends_word: the next token begins a new word.
    """

    text: str
    weight: float
    is_embedding: bool = False
    places: int = 1
    ends_word: bool = True

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "text": self.text,
            "weight": round(self.weight, 4),
            "is_embedding": self.is_embedding,
            "places": self.places,
            "ends_word": self.ends_word,
        }


@dataclass(frozen=True)
class ChunkReading:
    """What one call of the text encoder reads; `used` of its 75 places are taken."""

    tokens: tuple[TokenReading, ...]
    used: int

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "used": self.used,
            "limit": CHUNK_LENGTH,
            "tokens": [token.describe() for token in self.tokens],
        }


@dataclass(frozen=True)
class TextReading:
    """One text of a schedule and its chunks.

    Args: used, limit: places, as `token_count` counts them; with no chunks (0 of 0) the text was too much to show.
    """

    text: str
    chunks: tuple[ChunkReading, ...]
    used: int
    limit: int

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "text": self.text,
            "used": self.used,
            "limit": self.limit,
            "chunks": [chunk.describe() for chunk in self.chunks],
        }


@dataclass(frozen=True)
class ScheduleEntry:
    """The text that holds from one step to another, both counted from 1 and included.

    Where a step asks the model twice, the text may change in the middle: then two entries share the step.
    """

    from_step: int
    to_step: int
    text: str


@dataclass(frozen=True)
class PartReading:
    """One `AND` part of the prompt, or the negative prompt."""

    weight: float
    schedule: tuple[ScheduleEntry, ...]
    texts: tuple[TextReading, ...]

    def describe(self) -> dict[str, Any]:
        """For JSON; `reading` of a schedule's entry is the place of its text in `texts`."""
        places = {reading.text: place for place, reading in enumerate(self.texts)}
        return {
            "weight": self.weight,
            "schedule": [
                {
                    "from_step": entry.from_step,
                    "to_step": entry.to_step,
                    "text": entry.text,
                    "reading": places[entry.text],
                }
                for entry in self.schedule
            ],
            "texts": [reading.describe() for reading in self.texts],
        }


@dataclass(frozen=True)
class TagReading:
    """A network tag.

    Args:
        known: whether there is such a network; None where nothing is known about it.
        start, end: its place in the prompt.
    """

    kind: str
    name: str
    arguments: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    known: bool | None
    start: int
    end: int


@dataclass(frozen=True)
class Explanation:
    """How a prompt and a negative prompt are read for one pass."""

    prompt: str
    negative_prompt: str
    steps: int
    calls_a_step: int
    parts: tuple[PartReading, ...]
    negative: PartReading
    tags: tuple[TagReading, ...]
    warnings: tuple[PromptWarning, ...]

    @property
    def used(self) -> int:
        """Places used by the longest text of the prompt."""
        return max(reading.used for part in self.parts for reading in part.texts)

    @property
    def limit(self) -> int:
        """Places of the chunks of the longest text of the prompt."""
        return max(reading.limit for part in self.parts for reading in part.texts)

    def describe(self) -> dict[str, Any]:
        """For JSON. Places in texts count UTF-16 units there, as JavaScript does."""
        return {
            "steps": self.steps,
            "calls_a_step": self.calls_a_step,
            "used": self.used,
            "limit": self.limit,
            "parts": [part.describe() for part in self.parts],
            "negative": self.negative.describe(),
            "tags": [self._describe_tag(tag) for tag in self.tags],
            "warnings": [self._describe_warning(warning) for warning in self.warnings],
        }

    def _describe_tag(self, tag: TagReading) -> dict[str, Any]:
        return {
            "kind": tag.kind,
            "name": tag.name,
            "arguments": list(tag.arguments),
            "named": dict(tag.named),
            "known": tag.known,
            "start": _utf16_length(self.prompt, tag.start),
            "end": _utf16_length(self.prompt, tag.end),
        }

    def _describe_warning(self, warning: PromptWarning) -> dict[str, Any]:
        text = self.prompt if warning.field == "prompt" else self.negative_prompt
        return {
            "code": warning.code,
            "message": warning.message,
            "field": warning.field,
            "start": None if warning.start is None else _utf16_length(text, warning.start),
            "end": None if warning.end is None else _utf16_length(text, warning.end),
        }


def _utf16_length(text: str, end: int) -> int:
    """The length of the first `end` characters in UTF-16 units."""
    return end + sum(1 for character in text[:end] if character > "\uffff") if not text.isascii() else end
