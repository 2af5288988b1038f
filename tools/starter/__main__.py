"""Train and measure the starter model: `python -m tools.starter train --stage vae|decoder|text|diffusion`, `export`.

Every stage saves its state in `--work` and goes on from there when it is started again.
`train --stage judge` trains the network that `evaluate` looks at pictures with; `demonstrate` makes the sheets of the
documentation (`--out`). `networks --kind lora|embedding|hypernetwork` trains a small network on the finished model
(`--output`) for the tests.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from tools.starter import dataset, diffusion_training, export, text_training, unpack, vae_training
from tools.starter.dataset import SceneSet
from tools.starter.worlds import WORLDS

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models/Stable-diffusion/starter.safetensors"
HELD_OUT_SEED = 500_000


def _scenes(args: argparse.Namespace) -> SceneSet:
    return dataset.build(
        args.work,
        args.scenes,
        args.size,
        workers=args.workers,
        world=args.world,
        disturbed=args.disturb,
    )


def _held_out(args: argparse.Namespace, count: int = 256) -> SceneSet:
    return dataset.build(
        args.work, count, args.size, first_seed=HELD_OUT_SEED, workers=args.workers, world=args.world
    )


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
    if args.stage == "judge":
        _train_judge(args)
        return
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


def _train_judge(args: argparse.Namespace) -> None:
    from tools.starter import judge, judge_training

    if args.output == STARTER:
        args.output = judge.file_of(args.world)
    judge_training.train(_scenes(args), args.work, args.steps or 4000, args.batch or 64, args.world)
    trained = judge_training.trained(args.work, args.world, _held_out(args, 2000))
    judge.save(trained, args.output)
    for name, share in trained.accuracy.items():
        print(f"{name:10} {100 * share:6.2f} %")
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")


def _evaluate(args: argparse.Namespace) -> None:
    from tools.starter import evaluate, judge
    from tools.starter.studio import Studio

    seen_by = judge.load(args.judge or judge.file_of(args.world))
    studio = Studio(args.checkpoint, args.work / "studio")
    asked = evaluate.trials(args.prompts, args.seed, args.world)
    state = args.work / f"evaluation-{args.checkpoint.stem}-{args.seed}.json"
    args.work.mkdir(parents=True, exist_ok=True)
    progress = evaluate.Progress.of(state, evaluate.about(args.checkpoint, args.seed, args.world))
    evaluate.evaluate(studio, seen_by, asked, progress, args.batch or 8)
    if progress.psnr is None:
        progress.psnr = round(evaluate.vae_psnr(studio, _held_out(args)), 3)
        progress.save()
    figures = evaluate.report(progress, asked, seen_by)
    out = args.out or args.work
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(evaluate.table(figures), encoding="utf-8")
    print(evaluate.table(figures))


def _demonstrate(args: argparse.Namespace) -> None:
    from tools.starter.demonstrate import SHEETS, demonstrate
    from tools.starter.studio import Studio

    studio = Studio(args.checkpoint, args.work / "studio")
    demonstrate(studio, args.out or ROOT / "docs/images/starter", args.sheets or tuple(SHEETS))


def _export(args: argparse.Namespace) -> None:
    statistics = _latents(args, _scenes(args))
    vae = vae_training.load(args.work).cpu()
    vae_training.fold_scale(vae, statistics["mean"], statistics["deviation"])
    export.export(vae, diffusion_training.load(args.work), args.output, args.size, args.world)


def _unpack(args: argparse.Namespace) -> None:
    unpack.unpack(args.output, args.work)


def _networks(args: argparse.Namespace) -> None:
    from tools.starter import network_training

    folder = ROOT / "tests/networks"
    network_training.train(args.kind, args.output, folder, args.size, args.steps, args.batch or 8)


COMMANDS = {
    "data": _scenes,
    "unpack": _unpack,
    "train": _train,
    "export": _export,
    "evaluate": _evaluate,
    "demonstrate": _demonstrate,
    "networks": _networks,
}


def arguments(line: list[str] | None = None) -> argparse.Namespace:
    """The command line's values."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter", description=__doc__)
    parser.add_argument("command", choices=tuple(COMMANDS))
    parser.add_argument("--stage", choices=("vae", "decoder", "text", "diffusion", "judge"), default="vae")
    parser.add_argument("--kind", choices=("lora", "embedding", "hypernetwork"), default="lora")
    parser.add_argument(
        "--world", type=int, choices=tuple(WORLDS), default=1, help="1: the shipped model's; 2: wider"
    )
    parser.add_argument("--work", type=Path, help="where the states are; else runs, or runs/world-2")
    parser.add_argument("--scenes", type=int, default=24_000, help="how many scenes to draw")
    parser.add_argument("--size", type=int, default=128, help="their side in pixels")
    parser.add_argument(
        "--disturb", type=float, default=0.0, help="share of captions with strange or missing words"
    )
    parser.add_argument("--steps", type=int, help="train up to this step")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--output", type=Path, default=STARTER)
    parser.add_argument("--checkpoint", type=Path, default=STARTER, help="what is measured or shown")
    parser.add_argument("--judge", type=Path, help="the judge's file")
    parser.add_argument("--prompts", type=int, default=500, help="how many to measure with")
    parser.add_argument("--seed", type=int, default=1, help="of the prompts to measure with")
    parser.add_argument("--out", type=Path, help="the folder for figures or sheets")
    parser.add_argument("--sheets", nargs="+", help="only these of the sheets, by name")
    args = parser.parse_args(line)
    if args.work is None:
        runs = ROOT / "tools/starter/runs"
        args.work = runs if args.world == 1 else runs / f"world-{args.world}"
    return args


def main() -> None:
    """Read the command line and run one stage."""
    args = arguments()
    COMMANDS[args.command](args)


if __name__ == "__main__":
    main()
