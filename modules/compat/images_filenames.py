"""File names from patterns: `[seed]-[prompt_spaces]`, `[date]/[model_name]`, `[datetime<%H%M%S><Asia/Tokyo>]`."""

from __future__ import annotations

import datetime
import os
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modules.compat.house import is_open
from modules.compat.older_options import option, state
from modules.imaging.file_names import SKIP, digits, fill, first_words, now, part_of_name, words_found

if TYPE_CHECKING:
    from PIL.Image import Image

NOTHING_AND_SKIP_PREVIOUS_TEXT = SKIP
"""What a pattern gives where it has nothing to say: then the text in front of it goes as well."""


def sanitize_filename_part(text: str | None, replace_spaces: bool = True) -> str | None:
    """The text without what a file name can't hold, at most 128 characters."""
    return None if text is None else part_of_name(text, underscores=replace_spaces)


class FilenameGenerator:
    """Fills patterns in for one picture.

    Args:
        p: the processing object; None: what needs it is left empty.
        zip: the name is that of an archive, which belongs to no single picture.
    """

    def __init__(
        self,
        p: Any,
        seed: Any,
        prompt: str | None,
        image: Image | None,
        zip: bool = False,
        basename: str = "",
    ) -> None:
        self.p = p
        self.seed = seed
        self.prompt = prompt
        self.image = image
        self.zip = zip
        self.basename = basename
        self.replacements: dict[str, Callable[..., Any]] = {
            "basename": lambda *a: self.basename or "img",
            "seed": lambda *a: "" if self.seed is None else self.seed,
            "seed_first": lambda *a: self._seed(0),
            "seed_last": lambda *a: self._seed(-1),
            "steps": lambda *a: self._of_p("steps"),
            "cfg": lambda *a: self._of_p("cfg_scale"),
            "width": lambda *a: getattr(self.image, "width", ""),
            "height": lambda *a: getattr(self.image, "height", ""),
            "styles": lambda *a: sanitize_filename_part(
                ", ".join(s for s in self._of_p("styles") or () if s != "None") or "None", False
            ),
            "sampler": lambda *a: sanitize_filename_part(str(self._of_p("sampler_name")), False),
            "scheduler": lambda *a: sanitize_filename_part(str(self._of_p("scheduler")), False),
            "sampler_scheduler": lambda *a: self._sampler_and_scheduler(),
            "model_hash": lambda *a: self._of_p("sd_model_hash") or _of_checkpoint("shorthash"),
            "model_name": lambda *a: sanitize_filename_part(
                str(self._of_p("sd_model_name") or _of_checkpoint("name_for_extra")), False
            ),
            "date": lambda *a: datetime.datetime.now().strftime("%Y-%m-%d"),
            "datetime": self.datetime,
            "job_timestamp": lambda *a: self._of_p("job_timestamp") or state("job_timestamp", ""),
            "prompt_hash": lambda *a: self.string_hash(self.prompt or "", *a),
            "negative_prompt_hash": lambda *a: self.string_hash(str(self._of_p("negative_prompt")), *a),
            "full_prompt_hash": lambda *a: self.string_hash(
                f"{self._of_p('prompt')} {self._of_p('negative_prompt')}", *a
            ),
            "prompt": lambda *a: sanitize_filename_part(self.prompt or ""),
            "prompt_no_styles": lambda *a: self.prompt_no_style(),
            "prompt_spaces": lambda *a: sanitize_filename_part(self.prompt or "", False),
            "prompt_words": lambda *a: self.prompt_words(),
            "batch_number": lambda *a: self._batch_number(),
            "batch_size": lambda *a: self._of_p("batch_size"),
            "generation_number": lambda *a: self._generation_number(),
            "hasprompt": self.hasprompt,
            "clip_skip": lambda *a: option("CLIP_stop_at_last_layers", 1),
            "denoising": lambda *a: _text_or_skip(self._of_p("denoising_strength")),
            "user": lambda *a: self._of_p("user"),
            "vae_filename": lambda *a: _vae_filename(),
            "image_hash": lambda *a: self.image_hash(*a),
            "none": lambda *a: NOTHING_AND_SKIP_PREVIOUS_TEXT,
        }

    def apply(self, pattern: str) -> str:
        """The pattern filled in; names in brackets that nobody knows stay as they are."""
        return fill(pattern, self.replacements)

    def datetime(self, *args: str) -> str:
        """Now. Args: a format of `strftime`, and the name of a time zone."""
        return now(*args)

    def hasprompt(self, *args: str) -> str:
        """Those of the words that are in the prompt; `word|other`: else the other."""
        return words_found(self.prompt or "", args)

    def prompt_no_style(self) -> str:
        """The prompt without the texts of its styles."""
        text = self.prompt or ""
        for name in self._of_p("styles") or ():
            for part in _style_text(name).split("{prompt}"):
                text = text.replace(part.strip(" ,"), "") if part.strip(" ,") else text
        text = re.sub(r"\s*,(\s*,)+", ",", text).strip(" ,")
        return str(sanitize_filename_part(text, False))

    def prompt_words(self) -> str:
        """The first words of the prompt."""
        return first_words(self.prompt or "", int(option("directories_max_prompt_words", 8)))

    def image_hash(self, *args: str) -> str:
        """Digits of the picture's SHA-256."""
        return digits(b"" if self.image is None else self.image.tobytes(), *args)

    def string_hash(self, text: str, *args: str) -> str:
        """Digits of a text's SHA-256, eight of them unless the argument says how many."""
        return digits(text.encode("utf-8", "replace"), *args, length=8)

    def _of_p(self, name: str) -> Any:
        value = getattr(self.p, name, "")
        return "" if value is None else value

    def _seed(self, place: int) -> Any:
        seeds = self._of_p("all_seeds")
        return seeds[place] if self.zip and seeds else ("" if self.seed is None else self.seed)

    def _sampler_and_scheduler(self) -> str:
        sampler, scheduler = str(self._of_p("sampler_name")), str(self._of_p("scheduler"))
        name = sampler if scheduler in ("", "Automatic") else f"{sampler} {scheduler}"
        return str(sanitize_filename_part(name, False))

    def _batch_number(self) -> Any:
        if self._of_p("batch_size") in ("", 1) or self.zip:
            return NOTHING_AND_SKIP_PREVIOUS_TEXT
        return int(self._of_p("batch_index") or 0) + 1

    def _generation_number(self) -> Any:
        size, count = self._of_p("batch_size") or 1, self._of_p("n_iter") or 1
        if size * count == 1 or self.zip:
            return NOTHING_AND_SKIP_PREVIOUS_TEXT
        return int(self._of_p("iteration") or 0) * size + int(self._of_p("batch_index") or 0) + 1


def _text_or_skip(value: Any) -> Any:
    return NOTHING_AND_SKIP_PREVIOUS_TEXT if value == "" else value


def _of_checkpoint(attribute: str) -> str:
    from modules.compat.sd_models import model_data

    info = getattr(model_data.sd_model, "sd_checkpoint_info", None) if is_open() else None
    return str(getattr(info, attribute, None) or "")


def _vae_filename() -> str:
    from modules.compat import sd_vae

    path = sd_vae.loaded_vae_file
    name = "NoneType" if path is None else os.path.splitext(os.path.basename(path))[0]
    return str(sanitize_filename_part(name))


def _style_text(name: str) -> str:
    if not is_open():
        return ""
    from modules.compat.house import house

    return next((style.prompt for style in house().styles.all() if style.name == name), "")


# -- numbers ------------------------------------------------------------------------------------------------


class _Numbers:
    """The next number of each folder: a folder is listed again only after somebody else has changed it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[int, int]] = {}

    def next(self, path: str, basename: str) -> int:
        key = (os.path.abspath(path), basename)
        with self._lock:
            changed = _changed(path)
            known = self._known.get(key)
            if known is None or known[0] != changed:
                known = self._known[key] = (changed, _highest(path, basename) + 1)
            return known[1]

    def used(self, path: str, basename: str, number: int) -> None:
        """A file with this number has been written, and nothing else has changed since `next` was asked."""
        key = (os.path.abspath(path), basename)
        with self._lock:
            self._known[key] = (_changed(path), number + 1)


numbers = _Numbers()


def get_next_sequence_number(path: str, basename: str) -> int:
    """The first number that no file of the folder has at its beginning (or after `<basename>-`); 0 in an empty one."""
    return numbers.next(str(path), basename)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1


def _highest(path: str, basename: str) -> int:
    prefix = f"{basename}-" if basename else ""
    highest = -1
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith(prefix):
                    digits = os.path.splitext(entry.name[len(prefix) :])[0].split("-")[0]
                    if digits.isdecimal() and len(digits) < 16:
                        highest = max(highest, int(digits))
    except OSError:
        return -1
    return highest
