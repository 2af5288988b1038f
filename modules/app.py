"""The composition root: builds every service once, and hands each what it needs.

Nothing here imports torch or Gradio; they come with the first job and the page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules import older_face, screen_facts
from modules.compute import Compute, ComputeOptions, choose
from modules.faults import UnknownName
from modules.folders import Folders
from modules.generation.engine import Engine, check
from modules.generation.requests import GenerationRequest, Request
from modules.generation.upscaling import Tools, UpscalePicture
from modules.generation.upscaling import check as check_extras
from modules.imaging.face_restoration import FaceRestorers
from modules.imaging.inputs import InputStore
from modules.imaging.tiles import Tiling
from modules.imaging.upscaler_models import UpscalerModels
from modules.imaging.upscalers import Upscalers
from modules.jobs.database import Database
from modules.jobs.events import EventHub
from modules.jobs.merging import Merger
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue
from modules.jobs.terminal import TerminalBar
from modules.jobs.worker import Worker
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.models.store import ModelStore
from modules.models.vae_catalogue import VaeCatalogue
from modules.networks.applying import HypernetworkTags, LoraTags, Networks
from modules.networks.library import NetworkLibrary
from modules.networks.library_kinds import standard_kinds
from modules.networks.lora.catalogue import LoraCatalogue
from modules.networks.names import FileNames, NetworkNames
from modules.networks.readable_embeddings import ReadableEmbeddings
from modules.plugins.manager import PluginManager
from modules.plugins.program import Program
from modules.plugins.start import ExtensionOptions, load_extensions
from modules.prompts.style_book import StyleBook
from modules.prompts.wildcards import Wildcards
from modules.sampling.catalogue import all_samplers, all_schedulers
from modules.settings.freezing import Frozen
from modules.settings.store import SettingsStore
from modules.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modules.pages.services import PageServices
    from modules.rest.services import RestServices

log = logging.getLogger(__name__)

INPUTS_KEPT_SECONDS = 14 * 24 * 3600
"""Pictures that a request began with are kept so long after they were last used: a page may still show them."""


@dataclass(frozen=True)
class Application:
    """All services of one running Easel. Make it with `build`."""

    folders: Folders
    settings: SettingsStore
    database: Database
    events: EventHub
    cache: FileCache
    checkpoints: CheckpointCatalogue
    vaes: VaeCatalogue
    models: ModelStore
    inputs: InputStore
    queue: JobQueue
    pictures: PictureIndex
    engine: Engine
    worker: Worker
    merger: Merger
    library: NetworkLibrary
    loras: LoraCatalogue
    plugins: PluginManager
    styles: StyleBook
    wildcards: Wildcards
    extras: Tools

    def start(self) -> None:
        """Take up what a crash has left, and begin to work."""
        self.pictures.recover()
        self.queue.recover()
        used = {name for job in self.queue.waiting() for name in job.request.inputs}
        self.inputs.forget_unused(used, INPUTS_KEPT_SECONDS)
        self.worker.start()

    def close(self) -> None:
        """End the running job within a step (it goes on at the next start), and close the files."""
        self.merger.close()
        self.worker.close()
        self.plugins.close()
        older_face.close_face()
        self.database.close()
        self.cache.close()

    def refresh_models(self) -> None:
        """Look for checkpoints and VAEs anew."""
        self.checkpoints.refresh()
        self.vaes.refresh()

    def reload_checkpoint(self) -> None:
        """Load the chosen checkpoint, anew if it is loaded already.

        Raises: BadFile, NotPossibleNow.
        """
        self.models.reload(_chosen_checkpoint(self.settings, self.checkpoints))

    def rest_services(
        self, shut_down: Callable[[], None], *, may_change_extensions: bool = True
    ) -> RestServices:
        """What the routes need."""
        from modules.plugins.script_services import ScriptServices
        from modules.plugins.services import ExtensionControl
        from modules.rest.services import RestServices

        readable = ReadableEmbeddings(self.folders.embedding_folders())
        return RestServices(
            queue=self.queue,
            pictures=self.pictures,
            events=self.events,
            settings=self.settings,
            worker=self.worker,
            samplers=screen_facts.sampler_infos,
            schedulers=screen_facts.scheduler_infos,
            checkpoints=lambda: [screen_facts.checkpoint_info(c) for c in self.checkpoints.all()],
            refresh_checkpoints=self.refresh_models,
            version=f"Easel {VERSION}",
            shut_down=shut_down,
            extensions=ExtensionControl(self.plugins, self.settings, allowed=may_change_extensions),
            scripts=ScriptServices(self.plugins),
            inputs=self.inputs,
            vaes=lambda: _vae_files(self.vaes),
            unload_checkpoint=lambda: self.models.unload(),
            reload_checkpoint=self.reload_checkpoint,
            cache=self.folders.cache,
            older=self.plugins.older,
            styles=self.styles,
            merger=self.merger,
            extras=self.extras,
            library=self.library,
            loras=self.loras,
            embeddings=lambda: self.engine.embeddings() or readable(),
            names=NetworkNames(
                self.folders.embedding_folders(),
                {
                    "lora": self.folders.lora_folders(),
                    "hypernet": self.folders.hypernetwork_folders(),
                },
                styles=lambda: [style.name for style in self.styles.all()],
                wildcards=self.wildcards.names,
            ),
        )

    def page_services(self) -> PageServices:
        """What the page needs."""
        from modules.pages.services import PageServices

        return PageServices(
            queue=self.queue,
            settings=self.settings,
            samplers=lambda: [sampler.name for sampler in all_samplers()],
            schedulers=lambda: [scheduler.label for scheduler in all_schedulers()],
            checkpoints=lambda: [screen_facts.checkpoint_choice(c) for c in self.checkpoints.all()],
            refresh_checkpoints=self.refresh_models,
            extension_tabs=self.plugins.tabs,
            extension_controls=self.plugins.page.build_controls,
            control_value=self.plugins.older.encode,
            script_menu=self.plugins.scripts.menu,
            scripts=self.plugins.page.build_scripts,
            script_call=self.plugins.scripts.by_name,
            vaes=lambda: _vae_files(self.vaes),
            upscalers=lambda: [upscaler.name for upscaler in self.extras.upscalers.all()],
            face_restorers=lambda: [one.name for one in self.extras.faces.all()] if self.extras.faces else [],
        )


def build(
    folders: Folders,
    checkpoint_files: tuple[Path, ...] = (),
    *,
    styles_files: tuple[Path, ...] = (),
    vae_files: tuple[Path, ...] = (),
    compute_options: ComputeOptions | None = None,
    warm_up: bool = True,
    extensions: ExtensionOptions | None = None,
    flags: Mapping[str, Any] | None = None,
    frozen: Frozen | None = None,
) -> Application:
    """Build all services.

    Args:
        checkpoint_files: single files added to the list (`--ckpt`); the first becomes the one in use.
        compute_options: where and how to compute; None: the best there is.
        vae_files: single VAEs added to the list (`--vae-path`).
        styles_files: files with styles; none means `styles.csv` in the data folder.
        warm_up: load the model right after the start, and not with the first job.
        extensions: which extensions are loaded, and with which flags; None: all that the settings say.
        flags: the command line, for extensions of the older UI (see `cli.older_flags`).
        frozen: settings that nobody may change; None: all may be.
    """

    def computing() -> Compute:
        return choose(compute_options)

    settings = SettingsStore(folders.settings, frozen)
    plugins = load_extensions(folders.data, folders.extensions, settings, extensions or ExtensionOptions())
    events = EventHub()
    database = Database(folders.database)
    cache = FileCache(folders.cache / "files.sqlite")
    catalogue = CheckpointCatalogue(folders.checkpoint_folders(), cache, checkpoint_files)
    vaes = VaeCatalogue(folders.vae_folders(), cache, folders.checkpoint_folders(), vae_files)
    models = ModelStore(catalogue, computing, vaes, limit=lambda: settings.current.model.kept)
    inputs = InputStore(folders.inputs)
    loras = LoraCatalogue(folders.lora_folders(), cache)
    library = NetworkLibrary(
        standard_kinds(
            catalogue,
            folders.embedding_folders(),
            folders.hypernetwork_folders(),
            folders.lora_folders(),
            cache,
        ),
        cache,
    )
    hypernetworks = [FileNames(folder, (".pt",)) for folder in folders.hypernetwork_folders()]
    networks = Networks([LoraTags(loras), HypernetworkTags(hypernetworks), plugins.tables.networks])
    if checkpoint_files:
        settings.update({"model.checkpoint": catalogue.all()[0].filename}, by_owner=True)

    def tiling() -> Tiling:
        return Tiling(settings.current.upscaling.tile, settings.current.upscaling.tile_overlap)

    models_of_files = UpscalerModels(folders.upscaler_folders(), computing, tiling)
    upscalers = Upscalers(
        lambda: [*models_of_files.all(), *plugins.tables.upscalers(), *plugins.older.upscalers()]
    )
    extras = Tools(inputs, upscalers, FaceRestorers(folders.face_restorer_folders(), computing))

    def checked(request: Request) -> Request:
        if isinstance(request, UpscalePicture):
            return check_extras(request, extras)
        return checked_pictures(request)

    def checked_pictures(request: GenerationRequest) -> GenerationRequest:
        chosen = request.checkpoint or _chosen_checkpoint(settings, catalogue)
        script = plugins.scripts.checked(request)
        return check(replace(request, checkpoint=chosen, script=script), models, networks, extras.faces)

    settings.on_change(lambda changed: events.publish("settings", changed.model_dump()))
    queue = JobQueue(database, events, checked)
    styles = StyleBook(styles_files or (folders.data / "styles.csv",))
    plugins.program = Program(
        checkpoints=lambda: [checkpoint.title for checkpoint in catalogue.all()],
        vaes=lambda: [vae.filename for vae in vaes.all()],
        styles=styles.all,
        upscalers=lambda: [upscaler.name for upscaler in upscalers.all()],
        find_checkpoint=lambda name: catalogue.find(name).filename,
        find_vae=lambda name: vaes.find(name).filename,
        find_styles=styles.find,
        plot_axes=plugins.plot_axes,
        check=checked_pictures,
    )
    pictures = PictureIndex(database, folders.outputs)
    wildcards = Wildcards(folders.models / "wildcards")
    engine = Engine(
        models,
        folders.embedding_folders(),
        wildcards,
        inputs,
        upscalers,
        networks,
        extras=extras,
        preview_method=lambda: settings.current.previews.method,
        preview_folder=folders.models / "VAE-approx",
        compiles=lambda: settings.current.model.compile,
        hooks=plugins.generation,
    )
    application = Application(
        folders=folders,
        settings=settings,
        database=database,
        events=events,
        cache=cache,
        checkpoints=catalogue,
        vaes=vaes,
        models=models,
        inputs=inputs,
        queue=queue,
        pictures=pictures,
        engine=engine,
        plugins=plugins,
        styles=styles,
        wildcards=wildcards,
        library=library,
        loras=loras,
        extras=extras,
        merger=Merger(folders.models / "Stable-diffusion", catalogue, lambda: _vae_files(vaes)),
        worker=Worker(
            queue,
            pictures,
            engine,
            events,
            settings,
            bar=TerminalBar(),
            hooks=plugins.generation,
            warm_up=(lambda: engine.prepare(_chosen_checkpoint(settings, catalogue))) if warm_up else None,
        ),
    )
    if any(older_face.is_older(extension) for extension in plugins.loaded()):
        older_face.open_face(application, networks, flags or {})
    return application


def _chosen_checkpoint(settings: SettingsStore, catalogue: CheckpointCatalogue) -> str | None:
    """The checkpoint that the settings name, if it is still there."""
    chosen = settings.current.model.checkpoint
    if chosen is None:
        return None
    try:
        return catalogue.find(chosen).filename
    except UnknownName:
        log.warning("The checkpoint %r is not there any more; the first one is used.", chosen)
        return None


def _vae_files(vaes: VaeCatalogue) -> list[tuple[str, Path]]:
    return [(vae.name, vae.path) for vae in vaes.all()]
