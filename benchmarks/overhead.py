"""What a picture costs besides the networks: the job around them, previews, and saving into a full folder.

    python -m benchmarks.overhead [--side 512] [--steps 20] [--runs 3] [--files 100000] [--device cuda]

The starter model makes pictures with the linear previews; the time inside the U-Net and the VAE is taken by hooks, and
what remains is the overhead. On a shared machine read the shares, not the milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from PIL import Image  # noqa: E402

from benchmarks.txt2img import CPU_TIME_HELP, StepTimes, clock, starter  # noqa: E402
from modules.compute import choose  # noqa: E402
from modules.generation.requests import TextToImage  # noqa: E402
from modules.generation.results import GeneratedImage  # noqa: E402
from modules.generation.session import Session  # noqa: E402
from modules.generation.text_to_image import text_to_image  # noqa: E402
from modules.imaging.pixels import preview_image  # noqa: E402
from modules.jobs.database import Database  # noqa: E402
from modules.jobs.events import EventHub  # noqa: E402
from modules.jobs.pictures import PictureIndex  # noqa: E402
from modules.jobs.progress import _jpeg  # noqa: E402
from modules.jobs.queue import JobQueue  # noqa: E402
from modules.models.latent_diffusion import LatentDiffusion  # noqa: E402
from modules.models.latent_preview import FullPreview, LatentColours, LatentPreview, TinyPreview  # noqa: E402
from modules.models.tiny_autoencoder import TinyDecoder  # noqa: E402
from modules.prompts.encode import PromptEncoder  # noqa: E402

Clock = Callable[[], float]


class Stopwatch:
    """Adds up the time inside a function."""

    def __init__(self, function: Callable[..., Any], now: Clock) -> None:
        self._function = function
        self._now = now
        self.seconds = 0.0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call it."""
        begun = self._now()
        try:
            return self._function(*arguments, **options)
        finally:
            self.seconds += self._now() - begun


class Previewing(StepTimes):
    """Makes a preview in every step, as the page's monitor does."""

    def __init__(self, now: Clock) -> None:
        super().__init__(now)
        self.previews = 0.0

    def step(self, done: int, preview: Callable[[], Any]) -> None:
        """See `Monitor`."""
        super().step(done, preview)
        begun = self._now()
        _jpeg(preview())
        self.previews += self._now() - begun


def job(model: LatentDiffusion, request: TextToImage, runs: int, now: Clock) -> None:
    """Print the shares of a job's time."""
    session = Session(model, PromptEncoder(model.texts, model.compute.device), LatentColours.fit(model.vae))
    shares = []
    for run in range(runs + 1):
        unet, vae = Stopwatch(model.unet.forward, now), Stopwatch(model.vae.decode, now)
        model.unet.forward, model.vae.decode = unet, vae  # type: ignore[method-assign]
        monitor = Previewing(now)
        begun = now()
        list(text_to_image(request, session, monitor))
        whole = now() - begun
        del model.unet.forward, model.vae.decode
        if run:  # the first one warms up
            parts = (unet.seconds, vae.seconds, monitor.previews)
            shares.append((whole, *parts, whole - unet.seconds - vae.seconds))
    print(f"A job of {request.steps} steps at {request.width}x{request.height}, median of {runs}:")
    names = ("whole", "U-Net", "VAE", "previews", "outside U-Net and VAE")
    for i, name in enumerate(names):
        seconds = statistics.median(row[i] for row in shares)
        share = statistics.median(row[i] / row[0] for row in shares)
        print(f"  {name:22} {seconds * 1000:10.1f} ms  {share:7.2%}")


def previews(model: LatentDiffusion, side: int, now: Clock) -> None:
    """Print what one preview costs in each way, with its JPEG."""
    device = model.compute.device
    parameter = next(model.vae.parameters())
    tiny = TinyDecoder().eval().requires_grad_(False)
    tiny = tiny.to(device=device, dtype=parameter.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    ways: dict[str, LatentPreview] = {
        "Linear": LatentColours.fit(model.vae),
        "TAESD": TinyPreview(tiny),
        "Full": FullPreview(model.vae),
    }
    for batch in (1, 4):
        latents = torch.randn(batch, 4, side // 8, side // 8, device=device)
        for name, way in ways.items():
            times = []
            for _ in range(4 if name != "Linear" else 20):
                begun = now()
                _jpeg(preview_image(way(latents)))
                times.append(now() - begun)
            print(f"  preview, batch {batch}, {name:8} {statistics.median(times) * 1000:10.2f} ms")


def saving(files: int, pictures: int = 30) -> None:
    """Print what saving a picture costs in an empty folder and in one with so many files."""
    image = Image.effect_noise((512, 512), 60).convert("RGB")
    for existing in (0, files):
        with tempfile.TemporaryDirectory() as name:
            outputs = Path(name) / "outputs"
            folder = outputs / "txt2img" / f"{datetime.now():%Y-%m-%d}"
            folder.mkdir(parents=True)
            for i in range(existing):
                (folder / f"{i:05d}-1.png").touch()
            database = Database(Path(name) / "easel.sqlite")
            queue = JobQueue(database, EventHub(), lambda request: request)
            index = PictureIndex(database, outputs)
            queue.submit(TextToImage(prompt="x"), "api")
            found = queue.take(timeout=1)
            assert found is not None
            times = []
            for number in range(pictures + 1):
                begun = time.perf_counter()
                index.save(found, GeneratedImage(image, number, number, number, "x"))
                times.append(time.perf_counter() - begun)
            print(
                f"  saving beside {existing:7,} files: median {statistics.median(times[1:]) * 1000:.1f} ms, "
                f"the first one {times[0] * 1000:.1f} ms"
            )


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--device", help="cpu, cuda; the best there is")
    parser.add_argument("--cpu-time", action="store_true", help=CPU_TIME_HELP)
    options = parser.parse_args()
    compute = choose(options.device)

    now = clock(compute.device, options.cpu_time)
    model = starter(compute)
    request = TextToImage(
        prompt="a red house in a meadow",
        negative_prompt="trees",
        steps=options.steps,
        width=options.side,
        height=options.side,
        sampler="DPM++ 2M",
        seed=1,
    )
    job(model, request, options.runs, now)
    previews(model, options.side, now)
    saving(options.files)


if __name__ == "__main__":
    main()
