"""Colours of the drawn scenes, and the light that each time of day throws on them."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {
    "red": (214, 52, 48),
    "orange": (240, 138, 40),
    "yellow": (248, 208, 58),
    "green": (72, 164, 76),
    "blue": (58, 112, 214),
    "purple": (140, 82, 188),
    "pink": (245, 150, 184),
    "white": (246, 244, 240),
    "black": (52, 50, 58),
    "brown": (140, 92, 56),
    "gray": (148, 150, 156),
}

INK: Rgb = (58, 42, 48)
GLOW: Rgb = (255, 214, 110)


def mix(a: Rgb, b: Rgb, amount: float) -> Rgb:
    """`a` moved towards `b` by `amount` (0 gives `a`, 1 gives `b`)."""
    return (
        a[0] + (b[0] - a[0]) * amount,
        a[1] + (b[1] - a[1]) * amount,
        a[2] + (b[2] - a[2]) * amount,
    )


def darker(colour: Rgb, amount: float = 0.22) -> Rgb:
    """The shadow tone of a colour: darker and a little cooler."""
    return mix(colour, (50, 34, 74), amount)


def lighter(colour: Rgb, amount: float = 0.3) -> Rgb:
    """The lit tone of a colour: lighter and a little warmer."""
    return mix(colour, (255, 250, 232), amount)


@dataclass(frozen=True)
class Light:
    """The light of one time of day.

    Attributes:
        sky: Colours of the sky at the top, in the middle and at the horizon.
        ground: Factors on the ground's colours, per channel.
        thing: Factors on the objects' colours, milder, so that their colour can still be named.
        dark: Windows and lamps are lit.
    """

    sky: tuple[Rgb, Rgb, Rgb]
    ground: Rgb
    thing: Rgb
    dark: bool = False


LIGHTS: dict[str, Light] = {
    "day": Light(((92, 170, 238), (150, 206, 248), (222, 240, 250)), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "dawn": Light(((176, 176, 226), (246, 178, 198), (255, 222, 206)), (1.0, 0.82, 0.86), (1.0, 0.92, 0.94)),
    "sunset": Light(((190, 84, 98), (246, 130, 62), (255, 206, 96)), (0.96, 0.7, 0.6), (1.0, 0.88, 0.8)),
    "dusk": Light(
        ((58, 44, 112), (128, 76, 150), (224, 132, 142)), (0.56, 0.46, 0.68), (0.82, 0.75, 0.86), dark=True
    ),
    "night": Light(
        ((10, 14, 44), (18, 28, 72), (38, 54, 108)), (0.24, 0.3, 0.5), (0.66, 0.67, 0.8), dark=True
    ),
}
GRAY_SKY: Rgb = (150, 160, 174)
HORIZON = 0.58  # the horizon, as a part of the picture's height from the top
