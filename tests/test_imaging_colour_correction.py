"""Histogram matching and the luminosity blend, against slow ones written from their definitions."""

import numpy as np
import pytest
from PIL import Image

from modules.imaging.colour_correction import correct_colours, luminosity_blend, match_histogram


def noise(width: int, height: int, seed: int, low: int = 0, high: int = 256) -> Image.Image:
    values = np.random.Generator(np.random.PCG64(seed)).integers(low, high, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def test_matching_by_hand() -> None:
    source = np.array([[0, 10], [10, 20]], np.uint8)  # shares 1/4, 3/4, 1
    template = np.array([100, 200], np.uint8)  # shares 1/2, 1
    # 1/4 lies before the first: 100; 3/4 is half way between them; 1 is the last.
    assert match_histogram(source, template).tolist() == [[100, 150], [150, 200]]
    # Truncated: 2/3 of the way to 101 at 1/3 steps gives 100.33 and 101.
    assert match_histogram(np.array([1, 2, 3], np.uint8), np.array([100, 101], np.uint8)).tolist() == [
        100,
        100,
        101,
    ]


def test_matching_with_itself_changes_nothing() -> None:
    values = np.random.Generator(np.random.PCG64(3)).integers(0, 256, (50, 40), np.uint8)
    assert np.array_equal(match_histogram(values, values), values)


@pytest.mark.parametrize("seed", range(4))
def test_matching_against_its_definition(seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    source = rng.integers(0, 256, 200, np.uint8)
    template = np.clip(rng.normal(100, 20, 333), 0, 255).astype(np.uint8)
    points = [(np.mean(template <= value), int(value)) for value in sorted(set(template.tolist()))]
    for value, found in zip(source, match_histogram(source, template), strict=True):
        share = np.mean(source <= value)
        above = next(i for i, point in enumerate(points) if point[0] >= share - 1e-12)
        if above == 0:
            expected = float(points[0][1])
        else:
            (s0, v0), (s1, v1) = points[above - 1], points[above]
            expected = v0 + (share - s0) / (s1 - s0) * (v1 - v0)
        assert int(found) in (int(expected), int(expected + 1e-9), int(expected - 1e-9))


def blend_pixel(backdrop: list[int], source: list[int]) -> list[float]:
    """SetLum(Cb, Lum(Cs)) of the W3C's text, one pixel in floats."""

    def luminosity(colour: list[float]) -> float:
        return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]

    back, front = [c / 255 for c in backdrop], [c / 255 for c in source]
    shift = luminosity(front) - luminosity(back)
    colour = [c + shift for c in back]
    light, low, high = luminosity(colour), min(colour), max(colour)
    if low < 0:
        colour = [light + (c - light) * light / (light - low) for c in colour]
    if high > 1:
        colour = [light + (c - light) * (1 - light) / (high - light) for c in colour]
    return [c * 255 for c in colour]


def test_luminosity_blend_against_its_definition() -> None:
    backdrop, source = noise(17, 13, 1), noise(17, 13, 2)
    backdrop.paste((255, 0, 0), (0, 0, 5, 5))
    source.paste((250, 250, 250), (0, 0, 3, 3))
    source.paste((0, 0, 0), (3, 3, 5, 5))
    blended = np.asarray(luminosity_blend(backdrop, source), float)
    below, above = np.asarray(backdrop).tolist(), np.asarray(source).tolist()
    for y in range(13):
        for x in range(17):
            by_hand = blend_pixel(below[y][x], above[y][x])
            assert blended[y, x].tolist() == pytest.approx(np.clip(by_hand, 0, 255).tolist(), abs=0.51)


def test_luminosity_of_itself_changes_nothing() -> None:
    image = noise(31, 17, 5)
    assert luminosity_blend(image, image).tobytes() == image.tobytes()


def test_the_colours_are_the_targets_and_the_light_is_kept() -> None:
    reddish = np.asarray(noise(48, 48, 1), np.uint8).copy()
    reddish[..., 1:] //= 3
    bluish = np.asarray(noise(40, 56, 2), np.uint8).copy()
    bluish[..., :2] //= 3
    before = Image.fromarray(reddish)
    after = correct_colours(before, Image.fromarray(bluish))
    assert after.mode == "RGB" and after.size == before.size
    means = np.asarray(after, float).mean((0, 1))
    assert means[2] > means[0] and means[2] > means[1]
    weights = np.array([0.3, 0.59, 0.11])
    change = np.asarray(after, float) @ weights - np.asarray(before, float) @ weights
    assert np.abs(change).max() <= 1


def test_correcting_with_itself_is_nearly_nothing() -> None:
    image = noise(32, 32, 4, 60, 190)
    changed = np.abs(np.asarray(correct_colours(image, image), int) - np.asarray(image, int))
    assert changed.mean() < 1.5  # 8-bit CIELAB rounds
