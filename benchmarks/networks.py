"""What LoRA files cost: reading them, putting them into an SD1.5-size model, and each step with them.

    python benchmarks/networks.py [--device cuda] [--dtype float16] [--ranks 8 32] [--side 64] [--convolutions]

The U-Net has random weights (860 million: 3.4 GB in float32). Three files of each rank are written to a temporary
folder, for all linear and 1x1 layers of the transformers, as the usual trainers do. Merging (what Easel does) is
compared with adding the low-rank products in every call of a layer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from modules.models.unet import UNet, UNetConfig  # noqa: E402
from modules.networks.lora.adapter import LoraAdapter, LoraUse  # noqa: E402
from modules.networks.lora.file import LoraFile  # noqa: E402


def build(device: torch.device, dtype: torch.dtype) -> UNet:
    """An SD1.5 U-Net with random weights."""
    with torch.device("meta"):
        unet = UNet(UNetConfig())
    unet = unet.to_empty(device=device).to(dtype)
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.normal_(0, 0.02)
    return unet.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def write(path: Path, unet: UNet, rank: int, seed: int, convolutions: bool) -> None:
    """A LoRA file in half precision."""
    torch.manual_seed(seed)
    tensors = {}
    for name, module in unet.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        if not convolutions and "attn" not in name and ".ff." not in name and "proj_" not in name:
            continue
        key = "lora_unet_" + name.replace(".", "_")
        out, *rest = module.weight.shape
        tensors[f"{key}.lora_up.weight"] = (torch.randn(out, rank, *(1,) * (len(rest) - 1)) * 0.01).half()
        tensors[f"{key}.lora_down.weight"] = (torch.randn(rank, *rest) * 0.01).half()
        tensors[f"{key}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)


def low_rank_hook(module: nn.Linear | nn.Conv2d, up: Tensor, down: Tensor) -> Callable[[], None]:
    """Let a layer add a low-rank product to its output; returns what removes it again."""

    def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if isinstance(layer, nn.Conv2d):
            return output.add_(F.conv2d(F.conv2d(inputs[0], down, None, layer.stride, layer.padding), up))
        return output.add_(F.linear(F.linear(inputs[0], down), up))

    return module.register_forward_hook(hook).remove


def low_rank_hooks(unet: UNet, uses: list[LoraUse], adapter: LoraAdapter) -> list[Callable[[], None]]:
    """The other way: each layer adds the product of all files' matrices, which lie side by side."""
    pairs: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for use in uses:
        for place, found in adapter.match(use.file).modules:
            up = found.parts["lora_up"] * (found.scale * use.unet_weight)
            pairs.setdefault(place.modules[0], []).append((up, found.parts["lora_down"]))
    removers = []
    for name, of_module in pairs.items():
        module = unet.get_submodule(name)
        assert isinstance(module, nn.Linear | nn.Conv2d)
        up = torch.cat([u for u, _ in of_module], dim=1).to(module.weight)
        down = torch.cat([d for _, d in of_module]).to(module.weight)
        removers.append(low_rank_hook(module, up, down))
    return removers


def timed(work: Callable[[], object], device: torch.device, repeats: int = 3) -> float:
    """The shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times)


def compare(rank: int, unet: UNet, paths: list[Path], step: Callable[[], Tensor], repeats: int) -> None:
    """Measure the files of one rank and print."""
    device = next(unet.parameters()).device
    adapter = LoraAdapter(unet, [])

    def line(what: str, seconds: float, more: str = "") -> None:
        print(f"rank {rank:3}: {what:24} {seconds:8.4f} s {more}", flush=True)

    uses = [LoraUse(LoraFile.read(path), 1.0, 0.7) for path in paths]
    line(
        "read one file",
        timed(partial(LoraFile.read, paths[0]), device),
        f"{len(uses[0].file.modules)} modules",
    )

    def put_in(count: int) -> None:
        adapter.set(())
        adapter.set(uses[:count])

    for count in (1, 3):
        line(f"put in {count}", timed(partial(put_in, count), device))
    expected = step()
    line("take out", timed(partial(adapter.set, ()), device, 1))

    # A merged weight costs a step nothing, so the other way is measured against steps without networks, in turns:
    # on a machine that does other things too, both see the same of them.
    plain, hooked = [], []
    for _ in range(repeats):
        plain.append(timed(step, device, 1))
        removers = low_rank_hooks(unet, uses, adapter)
        hooked.append(timed(step, device, 1))
        gap = (step() - expected).abs().max().item() / expected.abs().max().item()
        for remove in removers:
            remove()
    line("a step, merged", min(plain))
    more = f"{min(hooked) / min(plain) - 1:+.1%}, other by {gap:.1e} of the greatest value"
    line("a step, 3 on the fly", min(hooked), more)


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--side", type=int, default=64, help="of the latent")
    parser.add_argument("--convolutions", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    dtype = getattr(torch, arguments.dtype or ("float32" if device.type == "cpu" else "float16"))
    unet = build(device, dtype)
    x = torch.randn(2, 4, arguments.side, arguments.side, device=device, dtype=dtype)
    timesteps = torch.full((2,), 500.0, device=device)
    text = torch.randn(2, 77, 768, device=device, dtype=dtype)
    repeats = 5 if device.type == "cpu" else 20

    def step() -> Tensor:
        return unet(x, timesteps, text)

    with tempfile.TemporaryDirectory() as folder:
        for rank in arguments.ranks:
            paths = [Path(folder, f"{rank}-{i}.safetensors") for i in range(3)]
            for i, path in enumerate(paths):
                write(path, unet, rank, i, arguments.convolutions)
            compare(rank, unet, paths, step, repeats)


if __name__ == "__main__":
    main()
