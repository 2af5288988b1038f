"""Train the starter model: `python -m tools.starter train --stage vae|decoder|text|diffusion`, then `export`.

Every stage saves its state in `--work` and goes on from there when it is started again.
`networks --kind lora|embedding|hypernetwork` trains a small network on the finished model (`--output`) for the tests.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from tools.starter import dataset, diffusion_training, export, text_training, unpack, vae_training
from tools.starter.dataset import SceneSet

ROOT = Path(__file__).resolve().parents[2]


def _scenes(args: argparse.Namespace) -> SceneSet:
    return dataset.build(args.work, args.scenes, args.size, workers=args.workers)


def _held_out(args: argparse.Namespace) -> SceneSet:
    return dataset.build(args.work, 256, args.size, first_seed=500_000, workers=args.workers)


def _latents(args: argparse.Namespace, scenes: SceneSet) -> dict[str, torch.Tensor]:
    """The scenes' latents and their statistics, made once from the trained VAE."""
    file = args.work / f"latents-{args.size}-{args.scenes}.pt"
    if not file.exists():
        latents = vae_training.latents_of(vae_training.load(args.work), scenes)
        values = latents.float().transpose(0, 1).flatten(1)
        mean, deviation = values.mean(1), values.std(1)
        shape = (1, -1, 1, 1)
        latents = ((latents.float() - mean.view(shape)) / deviation.view(shape)).half()
        torch.save({"latents": latents, "mean": mean, "deviation": deviation}, file)
    return torch.load(file, weights_only=True)


def _train(args: argparse.Namespace) -> None:
    scenes = _scenes(args)
    if args.stage == "vae":
        vae_training.train(scenes, args.work, args.steps or 4000, args.batch or 8)
        print(f"held-out PSNR {vae_training.psnr(vae_training.load(args.work), _held_out(args)):.2f} dB")
    elif args.stage == "decoder":
        held_out = _held_out(args)
        print(f"held-out PSNR before {vae_training.psnr(vae_training.load(args.work), held_out):.2f} dB")
        vae_training.train_decoder(scenes, args.work, args.steps or 4000, args.batch or 8)
        print(f"held-out PSNR after {vae_training.psnr(vae_training.load(args.work), held_out):.2f} dB")
    elif args.stage == "text":
        text_training.train(scenes, args.work, args.steps or 600, args.batch or 64)
    else:
        latents = _latents(args, scenes)["latents"]
        diffusion_training.train(scenes, latents, args.work, args.steps or 10_000, args.batch or 16)


def _export(args: argparse.Namespace) -> None:
    statistics = _latents(args, _scenes(args))
    vae = vae_training.load(args.work).cpu()
    vae_training.fold_scale(vae, statistics["mean"], statistics["deviation"])
    export.export(vae, diffusion_training.load(args.work), args.output, args.size)


def _unpack(args: argparse.Namespace) -> None:
    unpack.unpack(args.output, args.work)


def _networks(args: argparse.Namespace) -> None:
    from tools.starter import network_training

    folder = ROOT / "tests/networks"
    network_training.train(args.kind, args.output, folder, args.size, args.steps, args.batch or 8)


def main() -> None:
    """Read the command line and run one stage."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter", description=__doc__)
    parser.add_argument("command", choices=("data", "unpack", "train", "export", "networks"))
    parser.add_argument("--stage", choices=("vae", "decoder", "text", "diffusion"), default="vae")
    parser.add_argument("--kind", choices=("lora", "embedding", "hypernetwork"), default="lora")
    parser.add_argument("--work", type=Path, default=ROOT / "tools/starter/runs", help="where the states are")
    parser.add_argument("--scenes", type=int, default=24_000, help="how many scenes to draw")
    parser.add_argument("--size", type=int, default=128, help="their side in pixels")
    parser.add_argument("--steps", type=int, help="train up to this step")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--output", type=Path, default=ROOT / "models/Stable-diffusion/starter.safetensors")
    args = parser.parse_args()
    commands = {"data": _scenes, "unpack": _unpack, "train": _train, "export": _export, "networks": _networks}
    commands[args.command](args)


if __name__ == "__main__":
    main()
