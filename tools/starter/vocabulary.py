"""The words of the captions: for each fact, the ways to say it, the usual ones repeated."""

from __future__ import annotations

TIME_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("by day", "in daylight", "during the day", "in the daytime"),
    "night": ("at night", "at night", "at night", "by night", "in the night"),
    "sunset": ("at sunset", "at sunset", "at sunset", "in the evening sun", "during sunset"),
    "dusk": ("at dusk", "at dusk", "at dusk", "at twilight"),
    "dawn": ("at dawn", "at dawn", "at sunrise", "in the early morning"),
}
TIME_TAGS: dict[str, tuple[str, ...]] = {
    "day": ("day", "daytime", "daylight", "bright day"),
    "night": ("night", "night", "nighttime", "dark night"),
    "sunset": ("sunset", "sunset", "evening sun", "golden hour"),
    "dusk": ("dusk", "dusk", "twilight"),
    "dawn": ("dawn", "dawn", "sunrise", "early morning"),
}
GROUND_PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "in a green meadow", "on a meadow", "in a field", "on the grass"),
    "hills": ("in the hills", "in front of green hills", "on rolling hills"),
    "mountains": ("in the mountains", "in front of mountains", "with mountains behind"),
    "desert": ("in the desert", "in a desert", "in a sandy desert"),
    "snow": ("in the snow", "in a snowy field", "in a snowy landscape", "on snow"),
    "beach": ("on the beach", "on a beach", "at the beach", "by the sea"),
    "sea": ("on the sea", "at sea", "on the ocean", "on the water"),
    "forest": ("in a forest", "in the forest", "in the woods", "in a green forest"),
    "snowy forest": ("in a snowy forest", "in a snowy forest", "in a winter forest", "in a forest in winter"),
    "city": ("in a city", "in the city", "on a city street", "in a street"),
}
GROUND_TAGS: dict[str, tuple[str, ...]] = {
    "meadow": ("meadow", "green meadow", "field", "grass"),
    "hills": ("hills", "green hills", "rolling hills"),
    "mountains": ("mountains", "snowy mountains", "mountain"),
    "desert": ("desert", "sand dunes", "sandy desert"),
    "snow": ("snow", "snowy field", "winter"),
    "beach": ("beach", "sandy beach", "seaside"),
    "sea": ("sea", "ocean", "water"),
    "forest": ("forest", "green forest", "woods", "green trees"),
    "snowy forest": ("snowy forest", "winter forest", "snowy trees"),
    "city": ("city", "city street", "street", "town"),
}
SKY_WORDS: dict[str, tuple[str, ...]] = {
    "sun": ("the sun", "sun", "a bright sun"),
    "moon": ("the moon", "full moon", "moon", "a full moon"),
    "stars": ("stars", "starry sky", "a starry sky"),
    "clouds": ("clouds", "clouds", "a cloudy sky"),
    "rain": ("rain", "rain", "falling rain"),
    "snow": ("falling snow", "snowfall", "snowflakes"),
    "rainbow": ("a rainbow", "rainbow", "rainbow in the sky"),
    "fog": ("fog", "fog", "thick fog", "mist"),
    "storm": ("a storm", "a thunderstorm", "a thunderstorm", "lightning", "a storm and lightning"),
}
SKY_TAGS: dict[str, tuple[str, ...]] = {
    "sun": ("sun", "sunny", "sunshine"),
    "moon": ("moon", "full moon", "moonlight"),
    "stars": ("stars", "starry sky", "starry sky"),
    "clouds": ("clouds", "cloudy", "cloudy sky"),
    "rain": ("rain", "rainy", "raining", "rainy weather"),
    "snow": ("snowing", "snowfall", "falling snow"),
    "rainbow": ("rainbow", "rainbow", "a rainbow"),
    "fog": ("fog", "foggy", "misty", "foggy weather"),
    "storm": ("storm", "thunderstorm", "stormy", "lightning", "lightning"),
}
SCENERY_WORDS: dict[str, tuple[str, ...]] = {
    "trees": ("green trees", "trees", "trees"),
    "round stones": ("round stones", "round stones", "stones"),
    "cacti": ("cacti", "green cacti", "cactuses"),
}
STYLE_BEFORE: dict[str, tuple[str, ...]] = {
    "flat": ("a drawing of", "an illustration of", "a picture of", "flat illustration of", "a cartoon of"),
    "watercolor": (
        "a watercolor painting of",
        "watercolor of",
        "a watercolour of",
        "a watercolor of",
        "watercolor painting of",
        "a watercolour painting of",
    ),
    "pixel art": ("pixel art of", "a pixel art picture of", "pixel art of"),
    "pencil sketch": ("a pencil sketch of", "pencil sketch of", "a pencil drawing of", "a sketch of"),
    "oil painting": ("an oil painting of", "oil painting of", "an oil painting of", "an oil on canvas of"),
    "blueprint": ("a blueprint of", "blueprint of", "a blueprint of", "a technical drawing of"),
}
STYLE_TAGS: dict[str, tuple[str, ...]] = {
    "flat": ("flat", "illustration", "flat illustration", "picture book", "cartoon"),
    "watercolor": ("watercolor", "watercolour", "watercolor painting"),
    "pixel art": ("pixel art", "pixel art", "pixelated"),
    "pencil sketch": ("pencil sketch", "pencil drawing", "sketch"),
    "oil painting": ("oil painting", "oil painting", "oil on canvas"),
    "blueprint": ("blueprint", "blueprint", "technical drawing"),
}
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "house": ("house", "house", "house", "cottage", "home"),
    "boat": ("boat", "boat", "sailing boat", "sailboat", "ship"),
    "balloon": ("balloon", "hot air balloon", "hot-air balloon"),
    "rabbit": ("rabbit", "rabbit", "bunny"),
    "cat": ("cat", "cat", "cat", "kitten"),
    "dog": ("dog", "dog", "dog", "puppy"),
    "flower": ("flower", "flower", "big flower"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "bear": ("bear", "bear", "teddy bear"),
    "train": ("train", "train", "steam train", "locomotive"),
    "bridge": ("bridge", "bridge", "stone bridge"),
    "rocket": ("rocket", "rocket", "space rocket"),
}
PLURALS = {
    "fox": "foxes",
    "fish": "fish",
    "snowman": "snowmen",
    "bunny": "bunnies",
    "puppy": "puppies",
    "butterfly": "butterflies",
}
SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("big", "large", "huge")}
COLOUR_WORDS = {"gray": ("gray", "grey"), "purple": ("purple", "purple", "violet")}
PRAISE = (
    "beautiful",
    "detailed",
    "highly detailed",
    "masterpiece",
    "best quality",
    "4k",
    "8k",
    "amazing",
    "cute",
    "trending",
    "stunning",
    "artstation",
    "hd",
    "award winning",
    "professional",
)
SYLLABLES = (
    "ba",
    "ke",
    "lo",
    "mi",
    "zu",
    "ra",
    "tok",
    "ven",
    "quil",
    "dor",
    "fla",
    "gri",
    "shu",
    "xan",
    "pel",
)
