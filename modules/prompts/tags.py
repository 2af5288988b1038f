"""Network tags: `<lora:name:te:unet>`, `<hypernet:name:weight>` and every other `<kind:...>`.

Tags leave the prompt before anything else is read. What a kind means is the business of whoever applies
networks; here a tag is only its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_OPENING = re.compile(r"<(\w+):")


@dataclass(frozen=True)
class NetworkTag:
    """One tag: `<lora:x:0.8:te=0:dyn=8>` is kind `lora`, positional `("x", "0.8")`, named te and dyn.

    Args:
        kind: the word after `<`, as written.
        positional: the arguments without a name, in order; the first is usually the network's name.
        named: `(name, value)` pairs in order; of a name given twice the last counts.
    """

    kind: str
    positional: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The first positional argument, or an empty text."""
        return self.positional[0] if self.positional else ""

    def argument(self, name: str, position: int | None = None, default: str | None = None) -> str | None:
        """The argument called `name`, else the positional one at `position`, else `default`."""
        named = dict(self.named)
        if name in named:
            return named[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return default

    def __str__(self) -> str:
        items = [*self.positional, *(f"{name}={value}" for name, value in self.named)]
        return f"<{self.kind}:{':'.join(items)}>"


def extract_tags(prompt: str) -> tuple[str, list[NetworkTag]]:
    """Take every `<word:arguments>` out of a prompt.

    Returns:
        The prompt without its tags (white space around them stays) and the tags in the prompt's order.
    """
    kept: list[str] = []
    tags: list[NetworkTag] = []
    position = 0
    closing = -1
    for opening in _OPENING.finditer(prompt):
        if opening.start() < position:
            continue
        if closing < opening.end():
            closing = prompt.find(">", opening.end())
        if closing < 0:
            break
        if closing == opening.end():
            continue
        kept.append(prompt[position : opening.start()])
        tags.append(_parse_tag(opening.group(1), prompt[opening.end() : closing]))
        position = closing + 1
    kept.append(prompt[position:])
    return "".join(kept), tags


def extract_tags_of_all(prompts: Iterable[str]) -> tuple[list[str], list[list[NetworkTag]]]:
    """`extract_tags` for each prompt of a batch: the prompts without tags, and the tags of each."""
    results = [extract_tags(prompt) for prompt in prompts]
    return [text for text, _ in results], [tags for _, tags in results]


def _parse_tag(kind: str, arguments: str) -> NetworkTag:
    positional: list[str] = []
    named: list[tuple[str, str]] = []
    for item in arguments.split(":"):
        # A file name may hold "=" more than once; only "name=value" is a named argument.
        if item.count("=") == 1:
            name, value = item.split("=")
            named.append((name, value))
        else:
            positional.append(item)
    return NetworkTag(kind, tuple(positional), tuple(named))
