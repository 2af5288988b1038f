"""All flags of the command line, in the groups in which `--help` shows them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from modules.cli.flag_values import (
    LOG_LEVELS,
    any_file,
    existing_file,
    existing_folder,
    folder,
    level,
    names,
    pattern,
    port,
    seconds,
    users,
    users_file,
)
from modules.cli.older import LATER, NO_EFFECT, REFUSED, UPSCALER_FLAGS, Refused, Told


class Parser(argparse.ArgumentParser):
    """Errors are one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(2, f"{self.prog}: {message}\n")


def make_parser(program: str) -> Parser:
    """The parser of all flags."""
    parser = Parser(
        prog=program, allow_abbrev=False, description="Easel: pictures from text, in your browser."
    )
    _add_server(parser)
    _add_folders(parser)
    _add_start(parser)
    for flag in LATER:
        parser.add_argument(flag, nargs="*", action=Told, default=[], help=argparse.SUPPRESS)
    for flag in NO_EFFECT:
        parser.add_argument(flag, nargs="*", action=Told, default=[], help=argparse.SUPPRESS)
    for flag in REFUSED:
        parser.add_argument(flag, action=Refused, nargs=0, default=None, help=argparse.SUPPRESS)
    return parser


def _add_server(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Server")
    add: Callable[..., Any] = group.add_argument
    add("--port", type=port, default=7860, metavar="N", help="port to listen on (7860)")
    add("--listen", action="store_true", help="be reachable from other machines; needs a password")
    add("--server-name", metavar="ADDRESS", help="address to listen on; beyond localhost it needs a password")
    add("--share", action="store_true", help="a public link through Gradio's service; needs a password")
    add("--nowebui", action="store_true", help="the API only, no page")
    add("--api", action="store_true", help="accepted; the API is always on")
    add(
        "--gradio-auth",
        type=users,
        default=[],
        metavar="NAME:PASSWORD",
        help="password for the page",
    )
    add(
        "--gradio-auth-path",
        type=users_file,
        default=[],
        metavar="FILE",
        help="the same from a file",
    )
    add("--api-auth", type=users, default=[], metavar="NAME:PASSWORD", help="password for /sdapi")
    add("--api-log", action="store_true", help="log requests to the API")
    add(
        "--api-server-stop",
        action="store_true",
        help="allow stopping and restarting the server through the API",
    )
    add(
        "--cors-allow-origins",
        type=names,
        default=[],
        metavar="SITE",
        help="web sites that may use the API",
    )
    add(
        "--cors-allow-origins-regex",
        type=pattern,
        metavar="PATTERN",
        help="the same as a regular expression",
    )
    add(
        "--host-names",
        type=names,
        default=[],
        metavar="NAME",
        help="further names of this server",
    )
    add("--tls-keyfile", type=existing_file, metavar="FILE", help="key for HTTPS")
    add("--tls-certfile", type=existing_file, metavar="FILE", help="certificate for HTTPS")
    add("--subpath", default="", metavar="PATH", help="path of the page behind a reverse proxy")
    add(
        "--gradio-allowed-path",
        type=existing_folder,
        action="append",
        default=[],
        metavar="FOLDER",
        help="may be shown",
    )
    add(
        "--timeout-keep-alive",
        type=seconds,
        default=30,
        metavar="SECONDS",
        help="idle connections (30)",
    )


def _add_folders(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Folders")
    add: Callable[..., Any] = group.add_argument
    add("--data-dir", type=folder, metavar="FOLDER", help="models, outputs, settings")
    add(
        "--models-dir",
        type=folder,
        metavar="FOLDER",
        help="models, where they are kept elsewhere",
    )
    add(
        "--ckpt",
        type=existing_file,
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint to use",
    )
    add(
        "--ckpt-dir",
        type=existing_folder,
        action="append",
        default=[],
        metavar="FOLDER",
        help="more checkpoints",
    )
    folders: tuple[tuple[str, str], ...] = (
        ("--vae-dir", "more VAEs"),
        ("--embeddings-dir", "more textual-inversion embeddings"),
        ("--hypernetwork-dir", "more hypernetworks"),
        ("--lora-dir", "more networks of the LoRA family"),
    )
    for flag, text in folders:
        add(flag, type=folder, action="append", default=[], metavar="FOLDER", help=text)
    for flag in ("--lyco-dir", "--lyco-dir-backcompat"):
        add(flag, dest="lora_dir", type=folder, action="append", help=argparse.SUPPRESS)
    for flag, help_text in (
        ("--gfpgan-models-path", "more files of face restoration (GFPGAN, CodeFormer)"),
        ("--codeformer-models-path", argparse.SUPPRESS),
    ):
        add(
            flag,
            type=folder,
            action="append",
            default=[],
            dest="face_restorer_dir",
            metavar="FOLDER",
            help=help_text,
        )
    add("--localizations-dir", type=folder, metavar="FOLDER", help="the page in other languages: *.json")
    for flag in UPSCALER_FLAGS:
        add(
            flag,
            dest="upscaler_dir",
            type=folder,
            action="append",
            default=[],
            metavar="FOLDER",
            help="more upscalers" if flag == UPSCALER_FLAGS[0] else argparse.SUPPRESS,
        )
    add(
        "--vae-path",
        type=existing_file,
        action="append",
        default=[],
        metavar="FILE",
        help="a VAE to add to the list",
    )
    add(
        "--a1111-home",
        type=existing_folder,
        metavar="FOLDER",
        help="use the models, styles and settings of an older install",
    )
    add(
        "--styles-file",
        type=any_file,
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="files with styles (styles.csv in the data folder); * stands for several",
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Start")
    add: Callable[..., Any] = group.add_argument
    add("--autolaunch", action="store_true", default=False, help="open the browser")
    add("--no-autolaunch", action="store_true", help="don't open the browser")
    add("--theme", choices=("light", "dark"), help="colours of the page (the system's choice)")
    add(
        "--loglevel",
        type=level,
        default="INFO",
        metavar="LEVEL",
        help=", ".join(LOG_LEVELS),
    )
    add("--skip-load-model-at-start", action="store_true", help="load the checkpoint with the first job")
    add("--no-half", action="store_true", help="compute in 32 bits")
    add("--no-half-vae", action="store_true", help="decode pictures in 32 bits")
    add(
        "--precision",
        choices=("full", "half", "autocast"),
        help="full: 32 bits; half: 16 bits, on the CPU too",
    )
    add(
        "--medvram",
        action="store_true",
        help="save graphics memory: one part of a model on the card at a time",
    )
    add("--medvram-sdxl", action="store_true", help="the same for SDXL only")
    add("--lowvram", action="store_true", help="save more graphics memory, and be much slower")
    add("--disable-nan-check", action="store_true", help="don't look for results that are no numbers")
    add("--use-cpu", nargs="+", default=[], metavar="NAME", help="compute on the CPU")
    add("--device-id", metavar="N", help="which graphics card")
    add("--disable-all-extensions", action="store_true", help="load no extension")
    add("--disable-extra-extensions", action="store_true", help="load only extensions that came along")
    add("--freeze-settings", action="store_true", help="nobody may change a setting")
    add(
        "--freeze-settings-in-sections",
        type=names,
        default=(),
        metavar="A,B",
        help="nor those of these sections",
    )
    add("--freeze-specific-settings", type=names, default=(), metavar="A,B", help="nor these ones")
    add("--enable-insecure-extension-access", action="store_true", help="switch extensions from any page")
