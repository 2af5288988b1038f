"""Flags of the older UI that are taken without effect, and what they have become."""

from __future__ import annotations

import argparse
import sys
from typing import Any

_SDPA = "attention is always PyTorch's scaled dot product attention now; nothing is to be chosen."
_LAUNCHER = "this is the launcher's business (launch.py); nothing to do here."
_NOT_NEEDED = "not needed any more."

LATER: dict[str, str] = {
    "--textual-inversion-templates-dir": "training is not there yet.",
    "--ldsr-models-path": "LDSR is not there; other upscalers go into models/ESRGAN.",
    "--gfpgan-dir": "GFPGAN's program is not needed; put its file into models/GFPGAN.",
    "--gfpgan-model": "put the file into models/GFPGAN.",
    "--clip-models-path": "describing pictures is not there yet.",
    "--ui-settings-file": "the settings are in settings.json in the data folder.",
    "--ui-config-file": "the page has no file of its own for its defaults yet.",
    "--config": "the model's kind is read from the checkpoint file itself.",
    "--hide-ui-dir-config": "folders can't be changed on the page; nothing is to be hidden.",
    "--unix-filenames-sanitization": "names of files fit every system.",
    "--filenames-max-length": "names of files are cut to what file systems hold.",
    "--update-check": "looking for updates is not there yet.",
    "--add-stop-route": "see --api-server-stop.",
    "--ui-debug-mode": "the page is up before the model is; see --skip-load-model-at-start.",
    "--test-server": "the tests start their own server.",
    "--dump-sysinfo": "see /internal/sysinfo while Easel runs.",
    "--log-startup": "see --loglevel DEBUG.",
}
"""Flags with a feature behind them that isn't there yet, or that is reached in another way."""

NO_EFFECT: dict[str, str] = {
    **dict.fromkeys(
        (
            "--xformers",
            "--force-enable-xformers",
            "--xformers-flash-attention",
            "--opt-sdp-attention",
            "--opt-sdp-no-mem-attention",
            "--opt-sub-quad-attention",
            "--sub-quad-q-chunk-size",
            "--sub-quad-kv-chunk-size",
            "--sub-quad-chunk-threshold",
            "--opt-split-attention",
            "--opt-split-attention-invokeai",
            "--opt-split-attention-v1",
            "--disable-opt-split-attention",
        ),
        _SDPA,
    ),
    **dict.fromkeys(
        (
            "--skip-install",
            "--skip-prepare-environment",
            "--skip-python-version-check",
            "--skip-torch-cuda-test",
            "--reinstall-torch",
            "--reinstall-xformers",
            "--skip-version-check",
        ),
        _LAUNCHER,
    ),
    **dict.fromkeys(
        (
            "--always-batch-cond-uncond",
            "--enable-console-prompts",
            "--unload-gfpgan",
            "--gradio-debug",
            "--gradio-inpaint-tool",
            "--gradio-img2img-tool",
            "--gradio-queue",
            "--no-gradio-queue",
            "--no-progressbar-hiding",
            "--disable-console-progressbars",
            "--lowram",
            "--upcast-sampling",
            "--use-ipex",
            "--use-textbox-seed",
            "--no-prompt-history",
            "--disable-model-loading-ram-optimization",
            "--deepdanbooru",
        ),
        _NOT_NEEDED,
    ),
    "--opt-channelslast": "the memory layout is chosen by the machine.",
    "--no-hashing": "hashes are computed once per file and kept.",
    "--no-download-sd-model": "nothing is ever downloaded unasked; a starter model ships with the program.",
    "--do-not-download-clip": "nothing is ever downloaded unasked.",
    "--disable-tls-verify": "nothing is downloaded, so there is nothing to verify.",
}
"""Flags whose reason is gone."""

REFUSED: dict[str, str] = {
    "--disable-safe-unpickle": (
        "a checkpoint that is a pickle is only ever read with a reader that knows tensors and nothing else, "
        "so there is nothing to disable. Leave the flag out."
    ),
}
"""Flags that are an error, with the reason."""

UPSCALER_FLAGS = (
    "--esrgan-models-path",
    "--realesrgan-models-path",
    "--dat-models-path",
    "--bsrgan-models-path",
    "--scunet-models-path",
    "--swinir-models-path",
)
"""Folders of upscalers, by the architecture that is in them: they are all the same here."""


class Told(argparse.Action):
    """An older flag: one line says what it has become."""

    def __call__(self, parser: object, namespace: object, values: object, option: str | None = None) -> None:
        """Say what has become of the flag."""
        name = option or ""
        text = LATER[name] if name in LATER else NO_EFFECT[name]
        print(f"{name}: {text}", file=sys.stderr)


class Refused(argparse.Action):
    """An older flag that would be dangerous to take silently."""

    def __call__(self, parser: Any, namespace: object, values: object, option: str | None = None) -> None:
        """Refuse the command line, with the reason."""
        parser.error(f"{option}: {REFUSED[option or '']}")
