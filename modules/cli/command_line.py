"""The command line: the flags that people have in their start scripts, and what they mean here.

`parse` never refuses a flag because it doesn't know it: an extension may. What the older UI's flags have
become is told in `modules/cli/older.py`.
"""

from __future__ import annotations

import argparse
import difflib
import ipaddress
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

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
from modules.compute import ComputeOptions, Memory, Precision
from modules.folders import PROGRAM, Folders

if TYPE_CHECKING:
    from modules.rest.services import ServerOptions

LOCALHOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
Users = tuple[tuple[str, str], ...]
SECRET = {"api_auth", "gradio_auth"}
OLDER_UPSCALERS = ("models/ESRGAN", "models/RealESRGAN", "models/SwinIR", "models/DAT")


@dataclass(frozen=True)
class CommandLine:
    """The command line, checked.

    Args:
        host: the address to listen on; listen: it can be reached from other machines.
        data_dir: all that is the user's, where that is not the program's folder; models_dir: models, the
            same.
        checkpoint_files: added to the list, the first is to be used; checkpoint_dirs: more folders of them.
        vae_dirs, embeddings_dirs, hypernetwork_dirs, lora_dirs, upscaler_dirs: more folders of those.
        vae_files: single VAEs added to the list.
        older_home: an install of the older UI, whose models, styles and settings are used in place.
        styles_files: files with styles, `*` and `?` in them for several; empty: `styles.csv` with the data.
        api_auth, gradio_auth: pairs of name and password.
        cors_origins: other web sites that may use the API; host_names: further names of this server.
        subpath: path of the page behind a reverse proxy, "/easel", or "".
        autolaunch: open the browser; nowebui: the API only, no page.
        quick_start: don't load a checkpoint before the first job.
        no_half, no_half_vae, use_cpu, device_id, precision: where and how to compute; None: not said.
        memory, medium_for_xl: how much of a model is on the graphics card at a time.
        nan_check: say so when a result is no numbers.
        extensions: which are loaded at most; extension_access: they may be switched from a page without a password.
        install: what extensions need may be installed at the start.
        unknown: words that may be flags of extensions.
    """

    host: str = LOCALHOST
    port: int = 7860
    listen: bool = False
    nowebui: bool = False
    data_dir: Path | None = None
    models_dir: Path | None = None
    checkpoint_files: tuple[Path, ...] = ()
    checkpoint_dirs: tuple[Path, ...] = ()
    vae_dirs: tuple[Path, ...] = ()
    vae_files: tuple[Path, ...] = ()
    embeddings_dirs: tuple[Path, ...] = ()
    hypernetwork_dirs: tuple[Path, ...] = ()
    lora_dirs: tuple[Path, ...] = ()
    upscaler_dirs: tuple[Path, ...] = ()
    older_home: Path | None = None
    styles_files: tuple[Path, ...] = ()
    api_auth: Users = ()
    gradio_auth: Users = ()
    cors_origins: tuple[str, ...] = ()
    cors_origins_regex: str | None = None
    host_names: tuple[str, ...] = ()
    gradio_allowed_paths: tuple[Path, ...] = ()
    tls_keyfile: Path | None = None
    tls_certfile: Path | None = None
    subpath: str = ""
    timeout_keep_alive: int = 30
    api_log: bool = False
    api_server_stop: bool = False
    autolaunch: bool = False
    theme: Literal["light", "dark"] | None = None
    log_level: str = "INFO"
    quick_start: bool = False
    no_half: bool = False
    no_half_vae: bool = False
    use_cpu: tuple[str, ...] = ()
    device_id: str | None = None
    precision: Precision | None = None
    memory: Memory = "normal"
    medium_for_xl: bool = False
    nan_check: bool = True
    extensions: Literal["none disabled", "extra disabled", "all disabled"] = "none disabled"
    extension_access: bool = False
    install: bool = True
    unknown: tuple[str, ...] = ()

    def folders(self) -> Folders:
        """Where things lie."""
        data = self.data_dir or PROGRAM
        return Folders(
            data=data,
            models=self.models_dir or data / "models",
            checkpoints=(*self.checkpoint_dirs, *self._older("models/Stable-diffusion")),
            vaes=(*self.vae_dirs, *self._older("models/VAE")),
            embeddings=(*self.embeddings_dirs, *self._older("embeddings")),
            hypernetworks=(*self.hypernetwork_dirs, *self._older("models/hypernetworks")),
            loras=(*self.lora_dirs, *self._older("models/Lora", "models/LyCORIS")),
            upscalers=(*self.upscaler_dirs, *self._older(*OLDER_UPSCALERS)),
        )

    def all_styles_files(self) -> tuple[Path, ...]:
        """The files with styles that are to be used; none: the usual one."""
        if self.styles_files or self.older_home is None or not (self.older_home / "styles.csv").is_file():
            return self.styles_files
        return (self.older_home / "styles.csv",)

    def _older(self, *names: str) -> tuple[Path, ...]:
        """Folders of the older install, where there is one."""
        return () if self.older_home is None else tuple(self.older_home / name for name in names)

    def compute_options(self) -> ComputeOptions:
        """Where and how to compute."""
        number = self.device_id is not None and self.device_id.isdecimal()
        return ComputeOptions(
            device=None if number else self.device_id,
            device_id=self.device_id if number else None,
            precision=self.precision,
            no_half=self.no_half,
            no_half_vae=self.no_half_vae,
            use_cpu=self.use_cpu,
            memory=self.memory,
            medium_for_xl=self.medium_for_xl,
            nan_check=self.nan_check,
        )

    @property
    def extensions_may_be_changed(self) -> bool:
        """Whether the page may put in, switch and reload extensions: nobody else can reach it, or it has a password."""
        return not self.listen or bool(self.gradio_auth or self.api_auth) or self.extension_access

    def server_options(self) -> ServerOptions:
        """How the server listens."""
        from modules.rest.services import ServerOptions

        return ServerOptions(
            listen=self.listen,
            port=self.port,
            host_names=self.host_names,
            api_auth=self.api_auth,
            gradio_auth=self.gradio_auth,
            cors_origins=self.cors_origins,
            cors_origins_regex=self.cors_origins_regex,
            gradio_folders=(self.folders().outputs, *self.gradio_allowed_paths),
            allow_stop=self.api_server_stop,
            flags=self.as_flags(),
        )

    def as_flags(self) -> dict[str, Any]:
        """The values as JSON knows them, without passwords."""
        return {name: _plain(value) for name, value in asdict(self).items() if name not in SECRET}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


class _Parser(argparse.ArgumentParser):
    """Errors are one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser(program: str) -> _Parser:
    parser = _Parser(
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
    add("--share", action="store_true", help=argparse.SUPPRESS)
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
    add("--api-server-stop", action="store_true", help="allow stopping the server through the API")
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
    add("--enable-insecure-extension-access", action="store_true", help="switch extensions from any page")


def is_local(address: str) -> bool:
    """True: an address that only programs on this machine can reach."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def parse(arguments: Sequence[str], program: str = "webui.py", *, warn: bool = True) -> CommandLine:
    """The command line. What older and unknown flags are about goes to stderr.

    Args: warn: of words that no flag of ours explains; else they are `unknown`, see `warn_of_unknown`.

    Raises: SystemExit: code 2 after a sentence on stderr, for values that can't be used; 0 after `--help`.
    """
    parser = _parser(program)
    values, rest = parser.parse_known_args(list(arguments))
    if warn:
        _warn_of_unknown(parser, rest)
    users = tuple(values.gradio_auth + values.gradio_auth_path)
    host = values.server_name or (EVERYWHERE if values.listen else LOCALHOST)
    listen = not is_local(host)
    _check(parser, values, listen, bool(users or values.api_auth))
    return CommandLine(
        host=host,
        port=values.port,
        listen=listen,
        nowebui=values.nowebui,
        data_dir=values.data_dir,
        models_dir=values.models_dir,
        checkpoint_files=tuple(values.ckpt),
        checkpoint_dirs=tuple(values.ckpt_dir),
        vae_dirs=tuple(values.vae_dir),
        vae_files=tuple(values.vae_path),
        embeddings_dirs=tuple(values.embeddings_dir),
        hypernetwork_dirs=tuple(values.hypernetwork_dir),
        lora_dirs=tuple(values.lora_dir),
        upscaler_dirs=tuple(values.upscaler_dir),
        older_home=values.a1111_home,
        styles_files=tuple(values.styles_file),
        api_auth=tuple(values.api_auth),
        gradio_auth=users,
        cors_origins=tuple(name.rstrip("/") for name in values.cors_allow_origins),
        cors_origins_regex=values.cors_allow_origins_regex,
        host_names=tuple(values.host_names),
        gradio_allowed_paths=tuple(values.gradio_allowed_path),
        tls_keyfile=values.tls_keyfile,
        tls_certfile=values.tls_certfile,
        subpath=f"/{values.subpath.strip('/')}".rstrip("/"),
        timeout_keep_alive=values.timeout_keep_alive,
        api_log=values.api_log,
        api_server_stop=values.api_server_stop,
        autolaunch=values.autolaunch and not values.no_autolaunch and not values.nowebui,
        theme=values.theme,
        log_level=values.loglevel,
        quick_start=values.skip_load_model_at_start,
        no_half=values.no_half,
        no_half_vae=values.no_half_vae,
        use_cpu=tuple(name.lower() for name in values.use_cpu),
        device_id=values.device_id,
        precision=values.precision,
        memory="low" if values.lowvram else "medium" if values.medvram else "normal",
        medium_for_xl=values.medvram_sdxl,
        nan_check=not values.disable_nan_check,
        extensions=_extensions(values),
        extension_access=values.enable_insecure_extension_access,
        install=not {"--skip-install", "--skip-prepare-environment"} & set(arguments),
        unknown=tuple(rest),
    )


def warn_of_unknown(words: Sequence[str], program: str = "webui.py") -> None:
    """Say on stderr which words of the command line nobody knows, extensions included."""
    _warn_of_unknown(_parser(program), words)


def _extensions(
    values: argparse.Namespace,
) -> Literal["none disabled", "extra disabled", "all disabled"]:
    if values.disable_all_extensions:
        return "all disabled"
    return "extra disabled" if values.disable_extra_extensions else "none disabled"


def _check(parser: _Parser, values: argparse.Namespace, listen: bool, password: bool) -> None:
    if (listen or values.share) and not password:
        parser.error(
            "everybody on the network could use this machine. Add a password (--gradio-auth name:password), "
            "or leave out --listen, --server-name and --share."
        )
    if values.share:
        print(
            "--share: a public link is not there yet; use --listen or a tunnel of your own.", file=sys.stderr
        )
    if (values.tls_keyfile is None) != (values.tls_certfile is None):
        parser.error("HTTPS needs both --tls-keyfile and --tls-certfile.")


def _warn_of_unknown(parser: argparse.ArgumentParser, rest: Sequence[str]) -> None:
    """An unknown flag may be an extension's, so it is no error; but it may be a slip."""
    known = [option for action in parser._actions for option in action.option_strings]
    for word in rest:
        flag = word.split("=")[0]
        if not flag.startswith("-"):
            print(f"{word!r} belongs to no flag that Easel knows; it is ignored.", file=sys.stderr)
            continue
        nearest = difflib.get_close_matches(flag, known, n=1, cutoff=0.7)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        print(f"{flag}: there is no such flag; it is ignored.{hint}", file=sys.stderr)
