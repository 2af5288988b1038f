"""How a prompt is read: its parts, its texts over the steps, their chunks and weights, and what looks wrong.

All of it comes from the same functions that make a picture (`plan`, `chunks`); nothing here is read anew.
"""

from __future__ import annotations

from collections.abc import Callable

from modules.prompts.chunks import (
    CHUNK_LENGTH,
    COMMA_BACKTRACK,
    Chunk,
    FindEmbedding,
    Tokenize,
    TokenVocabulary,
    chunk_prompt,
)
from modules.prompts.editing import Schedule
from modules.prompts.editing_remarks import Calls
from modules.prompts.emphasis import is_break, parse_emphasis
from modules.prompts.explanation import (
    ChunkReading,
    Explanation,
    PartReading,
    ScheduleEntry,
    TagReading,
    TextReading,
    TokenReading,
)
from modules.prompts.plan import compile_prompt
from modules.prompts.remarks import (
    LARGEST_WEIGHT,
    KnownNames,
    PlacedTag,
    PromptWarning,
    limited,
    negative_remarks,
    positive_remarks,
    take_tags,
)

__all__ = ["Explanation", "KnownNames", "explain"]

END_OF_WORD = "</w>"
TOKENS_OF = 200_000
"""Characters whose tokens are shown, all texts together."""
SCHEDULE_OF = 1_000_000
"""Characters of all entries of the schedules together."""


def explain(
    prompt: str,
    negative_prompt: str,
    steps: int,
    *,
    hires_steps: int | None = None,
    calls_a_step: int = 1,
    tokenize: Tokenize,
    token_text: Callable[[int], str],
    vocabulary: TokenVocabulary,
    find_embedding: FindEmbedding | None = None,
    comma_backtrack: int = COMMA_BACKTRACK,
    known: KnownNames,
) -> Explanation:
    """Explain how a pass reads its prompts. Never raises, whatever the texts are.

    Args:
        steps: sampler steps of the (first) pass; hires_steps: those of the second, which is explained then.
        calls_a_step: see `sampling.catalogue.Sampler`.
        token_text: how a token is written; the last one of a word ends with `</w>`.
        known: the names that there are.
    """
    calls = Calls(steps * calls_a_step, None if hires_steps is None else hires_steps * calls_a_step)
    plan = compile_prompt(prompt, negative_prompt, calls.first, hires_steps=calls.second)
    reader = _Reader(
        calls.total, calls_a_step, tokenize, token_text, vocabulary, find_embedding, comma_backtrack
    )
    text, placed = take_tags(prompt)
    parts = tuple(reader.part(part.weight, part.schedule) for part in plan.positive)
    of_prompt = list(positive_remarks(prompt, text, placed, calls, known))
    if not any(warning.code == "weight" for warning in of_prompt):
        of_prompt += reader.heavy_words("prompt")
    reader.heavy = None
    negative = reader.part(1.0, plan.negative)
    of_negative = list(negative_remarks(negative_prompt, calls, known))
    if not any(warning.code == "weight" for warning in of_negative):
        of_negative += reader.heavy_words("negative_prompt")
    return Explanation(
        prompt=prompt,
        negative_prompt=negative_prompt,
        steps=steps if hires_steps is None else hires_steps,
        calls_a_step=calls_a_step,
        parts=parts,
        negative=negative,
        tags=tuple(_tag_reading(tag, known) for tag in placed),
        warnings=(
            *limited(of_prompt, "prompt"),
            *limited(of_negative, "negative_prompt"),
            *reader.too_much(),
        ),
    )


class _Reader:
    """Reads schedules and texts; each different text once. `heavy` is the first text of a very large weight."""

    def __init__(
        self,
        total: int,
        calls_a_step: int,
        tokenize: Tokenize,
        token_text: Callable[[int], str],
        vocabulary: TokenVocabulary,
        find_embedding: FindEmbedding | None,
        comma_backtrack: int,
    ) -> None:
        self._total = total
        self._calls_a_step = calls_a_step
        self._tokenize = tokenize
        self._token_text = token_text
        self._vocabulary = vocabulary
        self._find_embedding = find_embedding
        self._backtrack = comma_backtrack
        self._read: dict[str, TextReading] = {}
        self._tokens_left = TOKENS_OF
        self._schedule_left = SCHEDULE_OF
        self._left_out = False
        self.heavy: tuple[str, float] | None = None

    def part(self, weight: float, schedule: Schedule) -> PartReading:
        """The reading of one schedule."""
        entries: list[ScheduleEntry] = []
        for entry in self._entries(schedule):
            self._schedule_left -= len(entry.text)
            if entries and self._schedule_left < 0:
                self._left_out = True
                break
            entries.append(entry)
        texts = dict.fromkeys(entry.text for entry in entries)
        return PartReading(weight, tuple(entries), tuple(self._text(text) for text in texts))

    def heavy_words(self, field: str) -> list[PromptWarning]:
        """A remark about the first words that brackets in brackets make very strong, if there are any."""
        if self.heavy is None:
            return []
        text, weight = self.heavy
        message = f"Brackets in brackets give {text!r} the weight {weight:.3g}, which is unusually large."
        return [PromptWarning("weight", message, field)]

    def too_much(self) -> list[PromptWarning]:
        """A remark, if something is left out."""
        if not self._left_out:
            return []
        message = "The prompt is too long or changes too often to show all of it here; it is read whole."
        return [PromptWarning("length", message, "prompt")]

    def _entries(self, schedule: Schedule) -> list[ScheduleEntry]:
        """Which text each model call uses (see `plan.text_at`), equal neighbours joined, as steps."""
        runs: list[tuple[int, int, str]] = []
        first = 0
        for end, text in schedule:
            last = min(end, self._total - 1)
            if last < first:
                continue
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], last, text)
            else:
                runs.append((first, last, text))
            first = last + 1
        a_step = self._calls_a_step
        return [ScheduleEntry(start // a_step + 1, end // a_step + 1, text) for start, end, text in runs]

    def _text(self, text: str) -> TextReading:
        if text not in self._read:
            self._read[text] = self._text_reading(text)
        return self._read[text]

    def _text_reading(self, text: str) -> TextReading:
        self._tokens_left -= len(text)
        if self._tokens_left < 0:
            self._left_out = True
            return TextReading(text, (), 0, 0)
        spans = parse_emphasis(text)
        for span in spans:
            if self.heavy is None and abs(span.weight) > LARGEST_WEIGHT and not is_break(span):
                self.heavy = (span.text[:40], span.weight)
        chunks = chunk_prompt(
            spans,
            self._tokenize,
            vocabulary=self._vocabulary,
            find_embedding=self._find_embedding,
            comma_backtrack=self._backtrack,
        )
        readings = tuple(self._chunk(chunk) for chunk in chunks)
        limit = CHUNK_LENGTH * len(readings)
        return TextReading(text, readings, limit - CHUNK_LENGTH + readings[-1].used, limit)

    def _chunk(self, chunk: Chunk) -> ChunkReading:
        vectors = dict(chunk.vectors)
        used = self._used(chunk)
        tokens = []
        position = 1
        while position <= used:
            weight = chunk.weights[position]
            if position in vectors:
                places = min(vectors[position].vectors, CHUNK_LENGTH)
                token = TokenReading(vectors[position].name, weight, True, places)
            else:
                written = self._token_text(chunk.ids[position])
                ends = written.endswith(END_OF_WORD)
                token = TokenReading(written.removesuffix(END_OF_WORD), weight, ends_word=ends)
            tokens.append(token)
            position += max(token.places, 1)
        return ChunkReading(tuple(tokens), used)

    def _used(self, chunk: Chunk) -> int:
        """How many of the 75 places are taken."""
        eos = self._vocabulary.eos
        if self._vocabulary.pad != eos:
            return chunk.ids.index(eos, 1) - 1
        return next((place for place in range(CHUNK_LENGTH, 0, -1) if chunk.ids[place] != eos), 0)


def _tag_reading(placed: PlacedTag, known: KnownNames) -> TagReading:
    tag = placed.tag
    return TagReading(
        kind=tag.kind,
        name=tag.name,
        arguments=tag.positional[1:],
        named=tag.named,
        known=known.network(tag),
        start=placed.start,
        end=placed.end,
    )
