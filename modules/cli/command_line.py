"""The command line: the flags that people have in their start scripts, and what they mean here.

`parse` never refuses a flag because it doesn't know it: an extension may. What the older UI's flags have
become is told in `modules/cli/older.py`.
"""

from __future__ import annotations

import argparse
import difflib
import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modules.cli.arguments import Parser, make_parser
from modules.compute import ComputeOptions, Memory, Precision
from modules.folders import PROGRAM, Folders
from modules.settings.freezing import Frozen, frozen

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
        vae_dirs, embeddings_dirs, hypernetwork_dirs, lora_dirs, upscaler_dirs, face_restorer_dirs: more of those.
        localizations_dir: where translations of the page are; None: with the data.
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
        freeze_settings: nobody may change a setting; frozen_sections, frozen_settings: some.
        unknown: words that may be flags of extensions.
    """

    host: str = LOCALHOST
    port: int = 7860
    listen: bool = False
    share: bool = False
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
    face_restorer_dirs: tuple[Path, ...] = ()
    localizations_dir: Path | None = None
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
    freeze_settings: bool = False
    frozen_sections: tuple[str, ...] = ()
    frozen_settings: tuple[str, ...] = ()
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
            face_restorers=(*self.face_restorer_dirs, *self._older("models/GFPGAN", "models/Codeformer")),
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

    @property
    def frozen(self) -> Frozen:
        """The settings that nobody may change."""
        return frozen(self.freeze_settings, self.frozen_sections, self.frozen_settings)

    def server_options(self) -> ServerOptions:
        """How the server listens."""
        from modules.rest.services import ServerOptions

        return ServerOptions(
            listen=self.listen or self.share,
            port=self.port,
            host_names=self.host_names,
            api_auth=self.api_auth,
            gradio_auth=self.gradio_auth,
            cors_origins=self.cors_origins,
            cors_origins_regex=self.cors_origins_regex,
            gradio_folders=(self.folders().outputs, *self.gradio_allowed_paths),
            allow_stop=self.api_server_stop,
            log_requests=self.api_log,
            localizations=self.localizations_dir or self.folders().data / "localizations",
            flags=self.as_flags(),
        )

    def as_flags(self) -> dict[str, Any]:
        """The values as JSON knows them, without passwords."""
        return {name: _plain(value) for name, value in asdict(self).items() if name not in SECRET}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


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
    parser = make_parser(program)
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
        share=values.share,
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
        face_restorer_dirs=tuple(values.face_restorer_dir),
        localizations_dir=values.localizations_dir,
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
        freeze_settings=values.freeze_settings,
        frozen_sections=tuple(values.freeze_settings_in_sections),
        frozen_settings=tuple(values.freeze_specific_settings),
        unknown=tuple(rest),
    )


def warn_of_unknown(words: Sequence[str], program: str = "webui.py") -> None:
    """Say on stderr which words of the command line nobody knows, extensions included."""
    _warn_of_unknown(make_parser(program), words)


def _extensions(
    values: argparse.Namespace,
) -> Literal["none disabled", "extra disabled", "all disabled"]:
    if values.disable_all_extensions:
        return "all disabled"
    return "extra disabled" if values.disable_extra_extensions else "none disabled"


def _check(parser: Parser, values: argparse.Namespace, listen: bool, password: bool) -> None:
    if (listen or values.share) and not password:
        parser.error(
            "everybody on the network could use this machine. Add a password (--gradio-auth name:password), "
            "or leave out --listen, --server-name and --share."
        )
    if values.share and values.tls_keyfile:
        parser.error("--share has its own HTTPS: leave out --tls-keyfile and --tls-certfile.")
    if values.share and values.nowebui:
        parser.error("--share shows the page to others: leave out --nowebui.")
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
