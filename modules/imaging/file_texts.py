"""The recipe in a picture's file, whatever the format, and what is added to it when the picture is worked on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO

from modules.imaging.infotext import compose, parse
from modules.imaging.storage import EXIF_IFD, INFOTEXT_KEY, USER_COMMENT

_LONGEST = 1_000_000


def infotext_in(data: bytes) -> str:
    """The recipe in a picture's file: a text chunk of a PNG, the user comment of a JPEG, WebP or AVIF; "" if none."""
    from PIL import Image

    try:
        with Image.open(BytesIO(data)) as image:
            text = image.info.get(INFOTEXT_KEY)
            if not isinstance(text, str):
                text = comment_text(image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT))
    except Exception:  # damaged metadata say nothing; the pixels are read, and refused, elsewhere
        return ""
    return text.replace("\0", "")[:_LONGEST].strip()


def comment_text(value: object) -> str:
    """An EXIF user comment: eight bytes say how the rest is written."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    code, text = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        # No byte order is prescribed; in these texts every other byte is nearly always 0.
        little = text[1::2].count(0) > text[0::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", "replace")
    return text.decode("utf-8", "replace") if code.startswith(b"ASCII") else value.decode("utf-8", "replace")


def with_parameters(infotext: str, added: Mapping[str, object]) -> str:
    """The recipe with further parameters at its end; those of these names that are there already go.

    The rest stays as it is, letter by letter.
    """
    if not added:
        return infotext
    pairs = compose("", "", added)
    if not parse(infotext)[2]:
        return f"{infotext}\n{pairs}".strip()
    head, newline, last = infotext.rpartition("\n")
    for name in added:
        last = re.sub(rf',?\s*{re.escape(name)}:\s*(?:"(?:\\.|[^\\"])*"|[^,]*)', "", last)
    return f"{head}{newline}{last.strip(' ,')}, {pairs}"
