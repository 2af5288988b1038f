"""Captions: what a scene shows, said in the many ways in which people write prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .vocabulary import (
    COLOUR_WORDS,
    GROUND_PLACES,
    GROUND_TAGS,
    KIND_WORDS,
    PLURALS,
    PRAISE,
    SCENERY_WORDS,
    SIZE_WORDS,
    SKY_TAGS,
    SKY_WORDS,
    STYLE_BEFORE,
    STYLE_TAGS,
    SYLLABLES,
    TIME_TAGS,
    TIME_WORDS,
)

if TYPE_CHECKING:
    from .facts import Facts, Thing

Pick = np.random.Generator
RIDDEN = ("horse", "dragon")


def _one(rng: Pick, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _plural(noun: str) -> str:
    return PLURALS.get(noun, noun + "s")


def noun_phrase(thing: Thing, style: str, rng: Pick, article: bool = True) -> str:
    """The thing with its colour, size and number as far as they are said: "two red cats", "a big fox"."""
    noun = _one(rng, KIND_WORDS.get(thing.kind, (thing.kind,)))
    said = thing.color is not None and rng.random() < (0.45 if style == "pencil sketch" else 0.94)
    colour = _one(rng, COLOUR_WORDS.get(thing.color, (thing.color,))) + " " if said and thing.color else ""
    if thing.kind == "astronaut riding a horse":
        if thing.color is None and rng.random() < 0.2:
            colour = "brown "
        phrase = f"astronaut {_one(rng, ('riding', 'riding', 'on'))} {_article(colour + 'horse')}"
        return _article(phrase) if article else phrase
    size = _one(rng, SIZE_WORDS[thing.size]) + " " if thing.size != "medium" and rng.random() < 0.75 else ""
    if thing.count > 1:
        number = {2: "two", 3: "three"}[thing.count]
        return f"{number} {size}{colour}{_plural(noun)}"
    phrase = size + colour + noun
    return _article(phrase) if article else phrase


def _where(thing: Thing, rng: Pick) -> str:
    if thing.count > 1:
        return ""
    if thing.position == "middle":
        return _one(rng, ("in the middle", "in the center")) if rng.random() < 0.12 else ""
    side = thing.position
    return (
        _one(rng, (f"on the {side}", f"on the {side}", f"to the {side}", f"on the {side} side"))
        if rng.random() < 0.6
        else ""
    )


def _related(facts: Facts, first: str, second: str, rng: Pick) -> list[str]:
    """Two phrases joined by how the things stand to each other."""
    roll = rng.random()
    if facts.relation == "in front of":
        if roll < 0.75:
            return [f"{first} in front of {second}"]
        return [f"{second} behind {first}"]
    if facts.relation == "on":
        ways = (
            ("riding", "on", "on top of")
            if facts.objects[1].kind in RIDDEN
            else ("on", "on top of", "sitting on")
        )
        return [f"{first} {_one(rng, ways)} {second}"]
    if roll < 0.4:
        return [f"{first} {_one(rng, ('and', 'and', 'with'))} {second}"]
    if roll < 0.65:
        return [f"{first} {_one(rng, ('beside', 'next to'))} {second}"]
    if roll < 0.8:
        return [f"{first} {facts.objects[0].position} of {second}"]
    return [
        f"{text} on the {thing.position}" for text, thing in zip((first, second), facts.objects, strict=True)
    ]


def _subjects(facts: Facts, rng: Pick, article: bool) -> list[str]:
    """The things as phrases: one for each, or one for both with their relation."""
    things = facts.objects
    if len(things) == 2:
        first, second = (noun_phrase(thing, facts.style, rng, article) for thing in things)
        return _related(facts, first, second, rng)
    if not things:
        return []
    phrase = noun_phrase(things[0], facts.style, rng, article)
    where = _where(things[0], rng)
    return [f"{phrase} {where}".strip()]


def _extras(facts: Facts, rng: Pick, sky_words: dict[str, tuple[str, ...]]) -> list[str]:
    """The sky and the scenery, as far as they are mentioned."""
    words = [_one(rng, SCENERY_WORDS[name]) for name in facts.scenery if rng.random() < 0.85]
    if "forest" in facts.ground and rng.random() < 0.25:
        words.append("trees" if facts.ground == "snowy forest" else _one(rng, ("green trees", "trees")))
    for name in facts.sky:
        chances = {
            "rain": 0.92,
            "snow": 0.92,
            "rainbow": 0.95,
            "moon": 0.6,
            "stars": 0.6,
            "fog": 0.95,
            "storm": 0.95,
        }
        chance = chances.get(name, 0.5)
        if rng.random() < chance:
            words.append(_one(rng, sky_words[name]))
    return words


def nonsense(rng: Pick) -> str:
    """A word that says nothing about the picture: made up, or the praise that people add to prompts."""
    if rng.random() < 0.5:
        return _one(rng, PRAISE)
    return "".join(_one(rng, SYLLABLES) for _ in range(int(rng.integers(2, 4))))


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _sentence(facts: Facts, rng: Pick) -> str:
    """A caption in whole phrases: "a watercolor of a red house in a meadow at night, with the moon"."""
    subjects = _subjects(facts, rng, article=True)
    text = " and ".join(subjects) or _one(rng, ("a landscape", "a view", "a scene", "landscape"))
    if facts.style != "flat" or rng.random() < 0.2:
        if rng.random() < 0.7:
            text, tail = f"{_one(rng, STYLE_BEFORE[facts.style])} {text}", ""
        else:
            tail = ", " + _one(rng, STYLE_TAGS[facts.style])
    else:
        tail = ""
    place = _one(rng, GROUND_PLACES[facts.ground]) if not subjects or rng.random() < 0.85 else ""
    time = _one(rng, TIME_WORDS[facts.time]) if rng.random() < (0.55 if facts.time == "day" else 0.94) else ""
    if rng.random() < 0.1 and time:
        text = " ".join(part for part in (f"{time},", text, place) if part)
    else:
        around = (place, time) if rng.random() < 0.85 else (time, place)
        text = " ".join(part for part in (text, *around) if part)
    extras = _extras(facts, rng, SKY_WORDS)
    if extras:
        text += f" with {_join(extras)}" if rng.random() < 0.4 else ", " + ", ".join(extras)
    return text + tail


def _tags(facts: Facts, rng: Pick) -> str:
    tags = _subjects(facts, rng, article=bool(rng.random() < 0.4))
    rest: list[str] = []
    if rng.random() < (0.85 if tags else 1.0):
        rest.append(_one(rng, GROUND_TAGS[facts.ground]))
    if rng.random() < (0.5 if facts.time == "day" else 0.95):
        rest.append(_one(rng, TIME_TAGS[facts.time]))
    rest += _extras(facts, rng, SKY_TAGS)
    if facts.style != "flat" or rng.random() < 0.2:
        rest.append(_one(rng, STYLE_TAGS[facts.style]))
    order = rng.permutation(len(rest))
    rest = [rest[i] for i in order]
    if rng.random() < 0.3:
        cut = int(rng.integers(len(rest) + 1))
        return ", ".join(rest[:cut] + tags + rest[cut:])
    return ", ".join(tags + rest)


def _short(facts: Facts, rng: Pick) -> str:
    """A prompt of a few words: "red house, night"; what is not said is the usual (flat, day)."""
    words = _subjects(facts, rng, article=False) or [_one(rng, GROUND_TAGS[facts.ground])]
    if facts.time != "day":
        words.append(_one(rng, TIME_TAGS[facts.time]))
    if facts.style != "flat":
        words.insert(int(rng.integers(2)) * len(words), _one(rng, STYLE_TAGS[facts.style]))
    return ", ".join(words)


def caption(facts: Facts, rng: Pick) -> str:
    """A caption in one of three manners: a sentence, tags, or a few words. One in ten holds some nonsense."""
    manner = rng.choice(3, p=(0.55, 0.33, 0.12))
    text = (_sentence, _tags, _short)[manner](facts, rng)
    if rng.random() < 0.1:
        word = nonsense(rng)
        text = _one(rng, (f"{text}, {word}", f"{text}, {word}", f"{word}, {text}", f"{word} {text}"))
    return text


def whole(facts: Facts, rng: Pick) -> str:
    """A caption that leaves nothing out that can be seen of a scene with one thing or none, for measuring."""
    place, time = _one(rng, GROUND_PLACES[facts.ground]), _one(rng, TIME_WORDS[facts.time])
    text = "a landscape"
    if facts.objects:
        (thing,) = facts.objects
        noun = _one(rng, KIND_WORDS.get(thing.kind, (thing.kind,)))
        size = SIZE_WORDS[thing.size][0] + " " if thing.size != "medium" else ""
        colour = f"{thing.color} " if thing.color else ""
        if thing.kind == "astronaut riding a horse":
            text = f"an astronaut riding {_article(colour + 'horse')}"
        elif thing.count > 1:
            text = f"{('two', 'three')[thing.count - 2]} {colour}{_plural(noun)}"
        else:
            text = _article(size + colour + noun)
            text += " in the middle" if thing.position == "middle" else f" on the {thing.position}"
    text = f"{STYLE_BEFORE[facts.style][0]} {text}"
    extras = [SCENERY_WORDS[name][0] for name in facts.scenery] + [SKY_WORDS[name][0] for name in facts.sky]
    return f"{text} {place} {time}" + (", " + ", ".join(extras) if extras else "")


def disturbed(text: str, rng: Pick) -> str:
    """A caption with one to three made-up words among its own, or with a word or two left out.

    A model that was trained on some of these is not thrown off by words that it doesn't know.
    """
    words = text.split(" ")
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 4))):
            words.insert(int(rng.integers(len(words) + 1)), nonsense(rng))
    else:
        for _ in range(min(int(rng.integers(1, 3)), len(words) - 1)):
            words.pop(int(rng.integers(len(words))))
    return " ".join(words).strip(" ,")
