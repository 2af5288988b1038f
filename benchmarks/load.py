"""What loading a checkpoint costs, in time and memory, beside plain reading and `diffusers`.

    python benchmarks/load.py [--rounds 5] [--folder FOLDER]

A random SD1.5 file of full size (2.1 GB, half precision) is written to a temporary folder. All ways to read it run in
turns in one process, after a first round that isn't counted; then each runs once in a process of its own: that is a
first load, and shows the most memory it took. Times are seconds and CPU seconds; the file is in the system's cache.
`diffusers` loads its U-Net alone, which is four fifths of the file.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from modules.compute import Compute  # noqa: E402
from modules.models.autoencoder import Autoencoder, AutoencoderConfig  # noqa: E402
from modules.models.catalogue import Checkpoint  # noqa: E402
from modules.models.loader import load  # noqa: E402
from modules.models.text_encoder import TextEncoder, TextEncoderConfig  # noqa: E402
from modules.models.unet import UNet, UNetConfig  # noqa: E402

UNET_CONFIG = {
    "_class_name": "UNet2DConditionModel",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "layers_per_block": 2,
    "sample_size": 64,
}
"""Stable Diffusion 1's, in the words of diffusers."""


def write(path: Path) -> None:
    """A file with all the tensors of Stable Diffusion 1.5."""
    with torch.device("meta"):
        parts = {
            "model.diffusion_model.": UNet(UNetConfig()),
            "first_stage_model.": Autoencoder(AutoencoderConfig()),
            "cond_stage_model.transformer.text_model.": TextEncoder(TextEncoderConfig()).model,
        }
    numbers = torch.randn(1 << 26, generator=torch.Generator().manual_seed(0)).mul_(0.02).half()
    tensors = {
        prefix + name: numbers[: weight.numel()].reshape(weight.shape).clone()
        for prefix, part in parts.items()
        for name, weight in part.state_dict().items()
    }
    save_file(tensors, path)


def plain(path: Path, dtype: torch.dtype) -> object:
    """Read the file, and look at every page."""
    tensors = load_file(path)
    sums = [int(tensor.flatten().view(torch.int16)[::2048].sum()) for tensor in tensors.values()]
    return tensors, sums


def converted(path: Path, dtype: torch.dtype) -> object:
    """Read the file, and convert every tensor (or copy it, where it has the type already)."""
    return {name: tensor.to(dtype, copy=True) for name, tensor in load_file(path).items()}


def ours(path: Path, dtype: torch.dtype) -> object:
    """Easel: networks that are ready to compute, checked for NaN."""
    return load(Checkpoint(path, "random", path.name), Compute(torch.device("cpu"), dtype, dtype, dtype))


def diffusers_unet(path: Path, dtype: torch.dtype) -> object:
    """The U-Net alone, through diffusers."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_single_file(str(path), config=str(path.parent), torch_dtype=dtype)


WAYS: dict[str, Callable[[Path, torch.dtype], object]] = {
    "plain": plain,
    "converted": converted,
    "Easel": ours,
    "diffusers": diffusers_unet,
}


def peak() -> int:
    """The most memory that this process has had, in bytes (Linux; `ru_maxrss` begins with the parent's)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system doesn't say how much memory a process has had")


def timed(way: str, path: Path, dtype: torch.dtype) -> dict[str, float]:
    """One measurement in this process."""
    gc.collect()
    start, cpu = time.perf_counter(), time.process_time()
    result = WAYS[way](path, dtype)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert result is not None
    return {"seconds": seconds, "cpu": cpu}


def measure_here(path: Path, dtype: torch.dtype, rounds: int, ways: list[str]) -> None:
    """The measurements of one process, printed as JSON: `rounds` of all ways in turns, or one way alone."""
    if "diffusers" in ways:
        import diffusers

        _ = diffusers.UNet2DConditionModel  # imported late
    before = peak()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way].append(timed(way, path, dtype))
    print(json.dumps({"found": found, "peak": peak() - before}))


def measure(path: Path, dtype: str, rounds: int, ways: list[str]) -> dict[str, Any]:
    """The measurements of a process of its own."""
    command = [sys.executable, __file__, "--dtype", dtype, "--file", str(path), "--rounds", str(rounds)]
    done = subprocess.run([*command, "--ways", *ways], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(path: Path, rounds: int) -> None:
    """Measure all ways and print medians, and their ratios to reading and converting."""
    size = path.stat().st_size
    for dtype, growth in (("float32", 2), ("float16", 1)):
        found = measure(path, dtype, rounds + 1, list(WAYS))["found"]
        medians = {
            way: {key: statistics.median(each[key] for each in results[1:]) for key in results[0]}
            for way, results in found.items()
        }
        print(
            f"to {dtype}: seconds (x converted), CPU seconds (x converted); first load, its peak (x the tensors)"
        )
        for way, median in medians.items():
            first = measure(path, dtype, 1, [way])
            ratios = {key: median[key] / medians["converted"][key] for key in median}
            print(
                f"  {way:10} {median['seconds']:6.2f} s ({ratios['seconds']:.2f})"
                f" {median['cpu']:6.2f} s ({ratios['cpu']:.2f});"
                f" {first['found'][way][0]['seconds']:6.2f} s"
                f" {first['peak'] / 1e9:6.2f} GB ({first['peak'] / size / growth:.2f})"
            )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the file is written (the temporary folder)")
    parser.add_argument("--ways", choices=WAYS, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ways:
        measure_here(options.file, getattr(torch, options.dtype), options.rounds, options.ways)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "random.safetensors"
        write(path)
        (Path(folder) / "config.json").write_text(json.dumps(UNET_CONFIG))
        compare(path, options.rounds)


if __name__ == "__main__":
    main()
