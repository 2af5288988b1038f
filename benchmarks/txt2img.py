"""Pictures from text: Easel beside diffusers, on the same weights, sizes, steps and precision.

    python -m benchmarks.txt2img [--runs 5] [--large] [--only starter] [--device cuda] [--dtype float16] [--compiled]

Both make whole pictures (sampling with guidance, then the VAE) with Euler in the same process, in turns, so that what
else runs on the machine meets both alike: read the ratios, not the seconds. diffusers runs its
`StableDiffusionPipeline` with its best settings without compiling: channels_last, scaled dot-product attention,
inference mode, prompts encoded beforehand (Easel encodes them within its time). `--compiled` compiles the U-Net of
both (CUDA graphs included where there is CUDA). The large model is SD1.5's shape with random weights.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import nn  # noqa: E402

from modules.compute import Compute, choose  # noqa: E402
from modules.generation.requests import TextToImage  # noqa: E402
from modules.generation.results import Unwatched  # noqa: E402
from modules.generation.session import Session  # noqa: E402
from modules.generation.text_to_image import text_to_image  # noqa: E402
from modules.models import noise_schedule  # noqa: E402
from modules.models.autoencoder import Autoencoder, AutoencoderConfig  # noqa: E402
from modules.models.catalogue import CheckpointCatalogue  # noqa: E402
from modules.models.families import FAMILIES  # noqa: E402
from modules.models.latent_diffusion import LatentDiffusion, TextTower  # noqa: E402
from modules.models.latent_preview import LatentColours  # noqa: E402
from modules.models.loader import load  # noqa: E402
from modules.models.text_encoder import TextEncoder, TextEncoderConfig  # noqa: E402
from modules.models.tokenizer import EOS  # noqa: E402
from modules.models.unet import UNet, UNetConfig  # noqa: E402
from modules.prompts.encode import EncodingSettings, PromptEncoder  # noqa: E402
from tests.test_models_parity import reference_unet, reference_vae  # noqa: E402

PROMPT, NEGATIVE = "a red house in a meadow at dusk", "trees"
CFG_SCALE = 7.0
CPU_TIME_HELP = "count processor seconds: for busy machines, with OMP_NUM_THREADS=1"


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    model: str
    side: int
    batch: int
    steps: int


CASES = (
    Case("starter", 512, 1, 10),
    Case("starter", 512, 4, 5),
    Case("sd1.5 shape", 512, 1, 3),
)
LARGE_CASES = (Case("sd1.5 shape", 512, 4, 3),)


@dataclass
class Timing:
    """One run: seconds of the whole picture, and U-Net steps a second once it samples."""

    whole: float
    rate: float


class StepTimes(Unwatched):
    """Notes when each step ends."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.times: list[float] = []

    def step(self, done: int, preview: Callable[[], Any]) -> None:
        """See `Monitor`."""
        self.times.append(self._now())


def starter(compute: Compute) -> LatentDiffusion:
    """The model that ships with Easel."""
    with tempfile.TemporaryDirectory() as folder:
        catalogue = CheckpointCatalogue((ROOT / "models" / "Stable-diffusion",), Path(folder) / "cache.json")
        return load(catalogue.find("starter"), compute)


def random_sd15(compute: Compute, like: LatentDiffusion) -> LatentDiffusion:
    """SD1.5's networks with random weights. Args: like: a model that lends its checkpoint's name."""

    def built(make: Callable[[], nn.Module], dtype: torch.dtype) -> Any:
        with torch.device("meta"):
            network = make()
        network = network.to_empty(device=compute.device).to(dtype)
        torch.manual_seed(0)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, parameter[0].numel() ** -0.5)
                else:
                    parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    encoder = TextEncoder(TextEncoderConfig())
    encoder.eval().requires_grad_(False).to(device=compute.device, dtype=compute.text)
    return replace(
        like,
        family=FAMILIES[0],
        texts=(TextTower(encoder, None, True, EOS, False),),
        unet=built(lambda: UNet(UNetConfig()), compute.unet),
        vae=built(lambda: Autoencoder(AutoencoderConfig()), compute.vae),
        alphas_cumprod=noise_schedule.alphas_cumprod(),
    )


class Ours:
    """Easel's own way from a request to its pictures."""

    name = "Easel"

    def __init__(self, model: LatentDiffusion, now: Callable[[], float]) -> None:
        self._now = now
        encoder = PromptEncoder(model.texts, model.compute.device)
        colours = LatentColours(torch.zeros(5, 3))
        self._session = Session(model, encoder, colours)

    def text(self, prompt: str) -> torch.Tensor:
        """The conditioning `[1, 77, width]`."""
        return self._session.encoder.encode((prompt,), EncodingSettings(1, False, "Original", 20))[0].tokens

    def __call__(self, case: Case) -> Timing:
        """Make the pictures of a case."""
        monitor = StepTimes(self._now)
        request = TextToImage(
            prompt=PROMPT,
            negative_prompt=NEGATIVE,
            seed=1,
            steps=case.steps,
            sampler="Euler",
            cfg_scale=CFG_SCALE,
            width=case.side,
            height=case.side,
            batch_size=case.batch,
        )
        begun = self._now()
        images = list(text_to_image(request, self._session, monitor))
        assert len(images) == case.batch
        return Timing(self._now() - begun, _rate(monitor.times))


class Theirs:
    """diffusers' pipeline over the same weights."""

    name = "diffusers"

    def __init__(self, model: LatentDiffusion, ours: Ours, now: Callable[[], float]) -> None:
        diffusers: Any = import_module("diffusers")

        diffusers.utils.logging.set_verbosity_error()
        self._now = now
        self.unet = reference_unet(model.unet).to(memory_format=torch.channels_last)
        vae = reference_vae(model.vae).to(memory_format=torch.channels_last)
        vae.register_to_config(scaling_factor=model.vae.config.scale)
        scheduler = diffusers.EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="linspace",
            steps_offset=1,
        )
        self._pipeline: Any = diffusers.StableDiffusionPipeline(
            vae=vae,
            text_encoder=None,
            tokenizer=None,
            unet=self.unet,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        self._pipeline.set_progress_bar_config(disable=True)
        dtype = model.compute.unet
        self._texts = [ours.text(text).to(dtype) for text in (PROMPT, NEGATIVE)]

    @torch.inference_mode()
    def __call__(self, case: Case) -> Timing:
        """Make the pictures of a case."""
        times: list[float] = []

        def on_step(_pipeline: Any, _step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            times.append(self._now())
            return values

        prompt, negative = self._texts
        begun = self._now()
        images = self._pipeline(
            prompt_embeds=prompt,
            negative_prompt_embeds=negative,
            num_images_per_prompt=case.batch,
            num_inference_steps=case.steps,
            guidance_scale=CFG_SCALE,
            width=case.side,
            height=case.side,
            generator=[torch.Generator().manual_seed(1 + i) for i in range(case.batch)],
            callback_on_step_end=on_step,
        ).images
        assert len(images) == case.batch
        return Timing(self._now() - begun, _rate(times))


def _rate(times: list[float]) -> float:
    """Steps a second; the time before the first step ends is not in it."""
    return (len(times) - 1) / (times[-1] - times[0])


def clock(device: torch.device, processor: bool = False) -> Callable[[], float]:
    """Seconds that have passed for the device. Args: processor: count only what this process computed (CPU)."""

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.process_time() if processor else time.perf_counter()

    return now


@contextmanager
def compiled(*unets: nn.Module) -> Iterator[None]:
    """While this is open, the U-Nets run compiled; with CUDA as graphs."""
    mode = "reduce-overhead" if torch.cuda.is_available() else "default"
    before = [unet.forward for unet in unets]
    for unet in unets:
        unet.forward = torch.compile(unet.forward, mode=mode)
    try:
        yield
    finally:
        for unet, forward in zip(unets, before, strict=True):
            unet.forward = forward


def measure(case: Case, ours: Ours, theirs: Theirs, runs: int) -> None:
    """Print what a case takes: medians, and the median of the ratios of neighbouring runs."""
    ours(replace(case, steps=2)), theirs(replace(case, steps=2))
    pairs = []
    for i in range(runs):
        first, second = (ours, theirs) if i % 2 == 0 else (theirs, ours)
        results = {each.name: each(case) for each in (first, second)}
        pairs.append((results[ours.name], results[theirs.name]))
    print(f"{case.model}, {case.side}x{case.side}, batch {case.batch}, {case.steps} steps, {runs} runs each")
    for k, who in enumerate((ours.name, theirs.name)):
        rate = statistics.median(pair[k].rate for pair in pairs)
        whole = statistics.median(pair[k].whole for pair in pairs)
        print(f"  {who:10} {rate:8.3f} it/s   {whole:8.3f} s for the whole")
    rates = sorted(mine.rate / other.rate for mine, other in pairs)
    wholes = sorted(other.whole / mine.whole for mine, other in pairs)
    print(
        f"  Easel is {_spread(rates)} times as fast a step, {_spread(wholes)} times as fast in all",
        flush=True,
    )


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="the large model in batches of 4 too")
    parser.add_argument("--only", help="only the cases of this model: starter, sd1.5")
    parser.add_argument("--device", help="cpu, cuda; the best there is")
    parser.add_argument("--dtype", help="float32, float16, bfloat16; what Easel would take")
    parser.add_argument("--steps", type=int, help="another number of steps")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--cpu-time", action="store_true", help=CPU_TIME_HELP)
    options = parser.parse_args()
    compute = choose(options.device)
    if options.dtype:
        dtype = getattr(torch, options.dtype)
        compute = Compute(compute.device, dtype, compute.vae, dtype)
    # both decode in one precision: diffusers' pipeline knows only that of the U-Net
    compute = replace(compute, vae=compute.unet)

    now = clock(compute.device, options.cpu_time)
    print(f"{compute.device}, {compute.unet}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    base = starter(compute)
    models: dict[str, Callable[[], LatentDiffusion]] = {
        "starter": lambda: base,
        "sd1.5 shape": lambda: random_sd15(compute, base),
    }
    cases = [*CASES, *(LARGE_CASES if options.large else ())]
    for name, make in models.items():
        chosen = [case for case in cases if case.model == name and name.startswith(options.only or "")]
        if not chosen:
            continue
        model = make()
        ours = Ours(model, now)
        theirs = Theirs(model, ours, now)
        for case in chosen:
            case = replace(case, steps=options.steps or case.steps)
            measure(case, ours, theirs, options.runs)
            if options.compiled:
                print("compiled:")
                with compiled(model.unet, theirs.unet):
                    measure(case, ours, theirs, options.runs)


if __name__ == "__main__":
    main()
