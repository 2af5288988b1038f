"""What the routes need: the services that `modules/app.py` builds, and the options of the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from modules.faults import UnknownName
from modules.generation.requests import ScriptCall
from modules.generation.results import GeneratedImage
from modules.generation.upscaling import Tools
from modules.imaging.inputs import InputStore
from modules.jobs.events import EventHub
from modules.jobs.merging import Merger
from modules.jobs.pictures import PictureIndex
from modules.jobs.progress import Progress
from modules.jobs.queue import JobQueue
from modules.networks.library import NetworkLibrary
from modules.networks.lora.catalogue import LoraCatalogue
from modules.prompts.style_book import StyleBook
from modules.settings.store import SettingsStore

if TYPE_CHECKING:
    from modules.networks.embeddings import Embeddings
    from modules.rest.extensions import ExtensionServices

MEBIBYTE = 1024 * 1024
Users = tuple[tuple[str, str], ...]
"""Pairs of name and password."""


class WorkerControl(Protocol):
    """The part of the worker that listeners may touch."""

    def interrupt(self) -> None:
        """End the running job."""

    def skip(self) -> None:
        """Leave the running batch and go on with the job's next one."""

    def finish_current(self) -> None:
        """End the running job after the pictures that are being made."""

    def progress(self) -> Progress | None:
        """How far the running job is; None while there is none."""

    def take_results(self, job_id: int) -> list[GeneratedImage]:
        """The pictures of a job of origin "api"; they are forgotten then."""


ScriptKind = Literal["txt2img", "img2img", "inpaint", "outpaint"]


class Scripts(Protocol):
    """The extensions' scripts as programs know them; `plugins.script_services.ScriptServices` is one."""

    def call(self, name: str, args: Sequence[Any], kind: ScriptKind) -> ScriptCall:
        """A call with values in their order. Raises: UnknownName, InvalidField."""

    def always_on(self, scripts: Mapping[str, Any], kind: ScriptKind) -> dict[str, dict[str, Any]]:
        """Values of extensions' controls from `alwayson_scripts`. Raises: UnknownName, InvalidField."""

    def from_recipe(self, parameters: Mapping[str, str], kind: ScriptKind) -> dict[str, dict[str, Any]]:
        """Values of extensions' controls that a recipe speaks of."""

    def names(self) -> dict[str, list[str]]:
        """For "txt2img" and "img2img" the names of all, in lower case."""

    def infos(self) -> list[dict[str, Any]]:
        """What is told of each."""


class NoScripts:
    """There are none."""

    def call(self, name: str, args: Sequence[Any], kind: ScriptKind) -> ScriptCall:
        """See `Scripts`."""
        raise UnknownName("script_name", f"There is no script named {name[:80]!r}.")

    def always_on(self, scripts: Mapping[str, Any], kind: ScriptKind) -> dict[str, dict[str, Any]]:
        """See `Scripts`."""
        name = next(iter(scripts), "")
        raise UnknownName("alwayson_scripts", f"alwayson_scripts: there is no script named {name[:80]!r}.")

    def from_recipe(self, parameters: Mapping[str, str], kind: ScriptKind) -> dict[str, dict[str, Any]]:
        """See `Scripts`."""
        return {}

    def names(self) -> dict[str, list[str]]:
        """See `Scripts`."""
        return {"txt2img": [], "img2img": []}

    def infos(self) -> list[dict[str, Any]]:
        """See `Scripts`."""
        return []


class OlderOptions(Protocol):
    """The options of older extensions; `plugins.older.OlderFace` is one."""

    def settings(self) -> list[Any]:
        """Those that extensions have added, in sections; see `rest.older_options`."""

    def option_values(self) -> dict[str, Any]:
        """Values of all options of the older UI that are no settings of ours."""

    def set_option(self, name: str, value: Any) -> None:
        """Change one, and keep it. Raises: UnknownName, InvalidField, NotPossibleNow."""


class NoOlderOptions:
    """There are none."""

    def settings(self) -> list[Any]:
        """See `OlderOptions`."""
        return []

    def option_values(self) -> dict[str, Any]:
        """See `OlderOptions`."""
        return {}

    def set_option(self, name: str, value: Any) -> None:
        """See `OlderOptions`."""
        raise UnknownName(name, f"There is no option named {name[:80]!r}.")


class NameSource(Protocol):
    """The names that a prompt may use; `networks.names.NetworkNames` is one."""

    def embeddings(self) -> list[str]:
        """Names of textual-inversion embeddings."""

    def embedding_vectors(self, name: str) -> int:
        """How many places of a chunk an embedding takes."""

    def networks(self, kind: str) -> list[str]:
        """Names of the networks of a kind of tag: "lora" or "hypernet"."""

    def styles(self) -> list[str]:
        """Names of styles."""

    def wildcards(self) -> list[str]:
        """Names of wildcards."""


@dataclass(frozen=True)
class SamplerInfo:
    """A sampler as `GET /sdapi/v1/samplers` lists it."""

    name: str
    aliases: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SchedulerInfo:
    """A sigma schedule as `GET /sdapi/v1/schedulers` lists it."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    default_rho: float | None = None
    need_inner_model: bool = False


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint file as `GET /sdapi/v1/sd-models` lists it.

    Args:
        title: the name with the hash, as menus show it; hash: first 10 digits of the SHA-256, where it is
            known.
        config: the `.yaml` beside the file, if there is one.
    """

    title: str
    name: str
    hash: str | None
    sha256: str | None
    path: Path
    config: str | None = None


def _nothing() -> None:
    """There is no model."""


@dataclass(frozen=True)
class RestServices:
    """All that the routes use; nothing here is reached for in any other way.

    Args:
        version: the program's version, for infotexts and `/internal/sysinfo`.
        shut_down: ends the program (asked for by `/sdapi/v1/server-stop`, where that is allowed).
        inputs: where the pictures are kept that requests begin with.
        cache: a folder for thumbnails; None keeps none.
        styles: the user's styles; None: there are none, and none can be kept.
        names: for completion and for remarks about prompts; None knows none.
        merger: merges checkpoints; None: that can't be done here.
        extras: what finished pictures are upscaled with; None: they can't be.
        vaes: names and files of the VAEs.
        extensions: None: there are none.
        scripts: those of extensions.
        older: options of older extensions.
        restart: ends the program and starts it anew; None: that can't be done.
        unload_checkpoint, reload_checkpoint: free the memory of the loaded model; load the chosen one anew.
        library: the cards of networks; None: there is none.
        loras: the files of the LoRA family; None knows none.
        embeddings: for the loaded model; all that can be read while none is. None knows none.
    """

    queue: JobQueue
    pictures: PictureIndex
    events: EventHub
    settings: SettingsStore
    worker: WorkerControl
    samplers: Callable[[], list[SamplerInfo]]
    schedulers: Callable[[], list[SchedulerInfo]]
    checkpoints: Callable[[], list[CheckpointInfo]]
    refresh_checkpoints: Callable[[], None]
    version: str
    shut_down: Callable[[], None]
    inputs: InputStore
    cache: Path | None = None
    styles: StyleBook | None = None
    names: NameSource | None = None
    merger: Merger | None = None
    extras: Tools | None = None
    vaes: Callable[[], Sequence[tuple[str, Path]]] = tuple
    unload_checkpoint: Callable[[], None] = _nothing
    reload_checkpoint: Callable[[], None] = _nothing
    extensions: ExtensionServices | None = None
    scripts: Scripts = field(default_factory=NoScripts)
    older: OlderOptions = field(default_factory=NoOlderOptions)
    restart: Callable[[], None] | None = None
    library: NetworkLibrary | None = None
    loras: LoraCatalogue | None = None
    embeddings: Callable[[], Embeddings] | None = None


@dataclass(frozen=True)
class ServerOptions:
    """How the server listens, and to whom.

    Args:
        listen: the server can be reached from other machines, by its address or a public link.
        host_names: names besides localhost under which a browser may ask for a server that listens on
            localhost only.
        api_auth: names and passwords for `/sdapi`; gradio_auth: for the rest. Beyond localhost, either stands
            in for the other where that is empty.
        cors_origins: other sites ("https://example.org") that may use the API from a browser; "*" is all of
            them.
        cors_origins_regex: the same as a regular expression that must match the whole origin.
        max_body: the largest request body, in bytes.
        gradio_folders: folders whose files a page's request may name, besides Gradio's own for uploads.
        log_requests: each request to `/sdapi` is written into the log.
        allow_stop: `/sdapi/v1/server-stop` and `server-kill` end the program.
        static_root: the folder with `style.css` and `javascript/`; None is the program's.
        localizations: the user's folder with translations of the page.
        flags: the command line for `/sdapi/v1/cmd-flags`; no passwords.
    """

    listen: bool = False
    port: int = 7860
    host_names: tuple[str, ...] = ()
    api_auth: Users = ()
    gradio_auth: Users = ()
    cors_origins: tuple[str, ...] = ()
    cors_origins_regex: str | None = None
    max_body: int = 64 * MEBIBYTE
    gradio_folders: tuple[Path, ...] = ()
    log_requests: bool = False
    allow_stop: bool = False
    static_root: Path | None = None
    localizations: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_users(self) -> Users:
        """Who may use `/sdapi`; empty: everyone."""
        return self.api_auth or self.gradio_auth

    @property
    def page_users(self) -> Users:
        """Who may use everything else; empty: everyone."""
        return self.gradio_auth or (self.api_auth if self.listen else ())
