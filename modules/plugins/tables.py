"""What extensions add to the program's lists: samplers, schedules, upscalers, kinds of network tags.

A name belongs to whoever has it first: the program, then the extensions in their order. The second is refused, and
told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modules.imaging.upscalers import FILTERS, Upscaler
from modules.networks.applying import Applied, TagKind
from modules.plugins.calls import Manager, failed
from modules.plugins.extension import Refused
from modules.plugins.hooks import Sampler, Schedule
from modules.prompts.tags import NetworkTag
from modules.sampling import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from modules.imaging.upscalers import Progress
    from modules.models.latent_diffusion import LatentDiffusion

OWN_KINDS = ("lora", "lyco", "hypernet")


class Tables:
    """The lists, made anew when an extension is loaded or unloaded."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._upscalers: list[Upscaler] = []
        self.networks = ExtensionTags(manager)
        """All kinds of tags of extensions, as one; for `Networks`."""

    def refresh(self) -> None:
        """Ask all extensions."""
        taken = [name for s in catalogue.SCHEDULERS for name in (s.name, s.label, *s.aliases)]
        schedules = [
            self._scheduler(owner, one)
            for owner, one in self._new("schedules", _is(Schedule), lambda s: [s.name, s.label], taken)
        ]
        known = {name.lower() for name in taken} | {s.label.lower() for s in schedules}
        taken = [name for s in catalogue.SAMPLERS for name in (s.name, *s.aliases)]
        samplers = []
        for owner, one in self._new("samplers", _is(Sampler), lambda s: [s.name, *s.aliases], taken):
            if one.schedule.lower() in known:
                samplers.append(self._sampler(owner, one))
            else:
                self._refuse(owner, "samplers", f"{one.name}: there is no schedule named {one.schedule!r}.")
        catalogue.extend(samplers, schedules)
        upscalers = self._new("upscalers", _has("name", "upscale"), _names, [f.name for f in FILTERS])
        self._upscalers = [SafeUpscaler(self._manager, owner, one) for owner, one in upscalers]
        kinds = self._new("networks", _has("names", "check", "set"), lambda kind: list(kind.names), OWN_KINDS)
        self.networks.kinds = list(kinds)
        self._manager.older.tables_made()

    def upscalers(self) -> list[Upscaler]:
        """The extensions' upscalers."""
        return list(self._upscalers)

    def _new(
        self,
        hook: str,
        fits: Callable[[Any], bool],
        names_of: Callable[[Any], list[str]],
        taken: Sequence[str],
    ) -> Iterator[tuple[str, Any]]:
        """What the extensions answer to a hook, without what is no such thing and without names that are taken."""
        owners = {name.lower(): "Easel" for name in taken}
        for owner, answer in self._manager.ask(hook):
            if not isinstance(answer, (list, tuple)):
                self._refuse(owner, hook, f"{hook} must return a list, not {str(answer)[:100]!r}.")
                continue
            for one in answer:
                names = self._names(one, fits, names_of)
                if not names:
                    self._refuse(
                        owner, hook, f"{hook} holds something that does not belong there: {one!r:.100}."
                    )
                    continue
                twice = next((name for name in names if name.lower() in owners), None)
                if twice is not None:
                    self._refuse(
                        owner, hook, f"The name {twice!r} belongs to {owners[twice.lower()]} already."
                    )
                    continue
                owners |= {name.lower(): owner for name in names}
                yield owner, one

    @staticmethod
    def _names(one: Any, fits: Callable[[Any], bool], names_of: Callable[[Any], list[str]]) -> list[str]:
        """Its names; none where it doesn't fit."""
        try:
            names = names_of(one) if fits(one) else []
        except Exception:
            return []
        return names if all(isinstance(name, str) and name.strip() for name in names) else []

    def _refuse(self, owner: str, hook: str, reason: str) -> None:
        self._manager.note(owner, hook, Refused(reason))

    def _sampler(self, owner: str, one: Sampler) -> catalogue.Sampler:
        return catalogue.Sampler(
            name=one.name,
            aliases=one.aliases,
            function="",
            schedule=one.schedule,
            calls_a_step=one.calls_a_step,
            takes=one.takes,
            origin=f"extension {owner}",
            call=guarded(self._manager, owner, f"the sampler {one.name}", one.call),
        )

    def _scheduler(self, owner: str, one: Schedule) -> catalogue.Scheduler:
        def call(steps: int, model: Any, ends: Any) -> Any:
            import torch

            sigmas = torch.as_tensor(one.call(steps, ends.minimum, ends.maximum), dtype=torch.float32).cpu()
            if sigmas.shape == (steps,):
                sigmas = torch.cat([sigmas, sigmas.new_zeros(1)])
            falls = (
                sigmas.shape == (steps + 1,) and bool((sigmas[1:] < sigmas[:-1]).all()) and sigmas[-1] == 0
            )
            if not falls:
                raise ValueError(f"{steps} falling numbers above 0 are needed, not {sigmas.tolist()}")
            return sigmas

        guard = guarded(self._manager, owner, f"the schedule {one.label}", call)
        return catalogue.Scheduler(one.name, one.label, call=guard)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda one: isinstance(one, kind)


def _has(*attributes: str) -> Callable[[Any], bool]:
    return lambda one: all(hasattr(one, name) for name in attributes)


def _names(one: Any) -> list[str]:
    return [one.name]


def guarded(manager: Manager, owner: str, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; what it raises names the extension, and how long it works is watched."""

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            with manager.watch.at(owner, what):
                return function(*arguments, **named)
        except Exception as error:
            raise failed(manager, owner, what, error) from error

    return call


class SafeUpscaler:
    """An extension's upscaler, whose failures name it. See `imaging.upscalers.Upscaler`."""

    def __init__(self, manager: Manager, owner: str, upscaler: Any) -> None:
        self._manager = manager
        self._owner = owner
        self._upscaler = upscaler
        self.name: str = upscaler.name

    @property
    def kind(self) -> str:
        """See `Upscaler`."""
        return str(getattr(self._upscaler, "kind", "") or "Extension")

    @property
    def scale(self) -> float:
        """See `Upscaler`."""
        return float(getattr(self._upscaler, "scale", 4.0))

    @property
    def path(self) -> Path | None:
        """See `Upscaler`."""
        return getattr(self._upscaler, "path", None)

    def upscale(self, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """See `Upscaler`."""
        from PIL.Image import Image as Picture

        def call() -> Image:
            answer = self._upscaler.upscale(image, scale, progress)
            if not isinstance(answer, Picture):
                raise TypeError(f"upscale must return a PIL image, not {str(answer)[:100]!r}")
            return answer

        result: Image = guarded(self._manager, self._owner, f"the upscaler {self.name}", call)()
        return result


class ExtensionTags:
    """The extensions' kinds of tags as one kind; see `networks.applying.TagKind`."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.kinds: list[tuple[str, TagKind]] = []
        self._used: list[tuple[str, TagKind]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The words of all of them."""
        return tuple(name for _, kind in self.kinds for name in kind.names)

    @names.setter
    def names(self, names: tuple[str, ...]) -> None:
        raise AttributeError("the extensions decide")

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """See `TagKind`."""
        for owner, kind in self.kinds:
            self._guarded(owner, kind, "check")([tag for tag in tags if tag.kind in kind.names])

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        """See `TagKind`."""
        # A kind whose extension was unloaded since takes off what it has put on.
        gone = [
            (owner, kind) for owner, kind in self._used if all(kind is not each for _, each in self.kinds)
        ]
        self._used = []
        all_applied = [self._applied(owner, kind, model, []) for owner, kind in gone]
        for owner, kind in self.kinds:
            self._used.append((owner, kind))
            of_kind = [tag for tag in tags if tag.kind in kind.names]
            all_applied.append(self._applied(owner, kind, model, of_kind))
        return Applied(
            text_changed=any(each.text_changed for each in all_applied),
            infotext={k: v for each in all_applied for k, v in each.infotext.items()},
            embeddings={k: v for each in all_applied for k, v in each.embeddings.items()},
        )

    def _applied(self, owner: str, kind: TagKind, model: LatentDiffusion, tags: list[NetworkTag]) -> Applied:
        answer = self._guarded(owner, kind, "set")(model, tags)
        return answer if isinstance(answer, Applied) else Applied()

    def _guarded(self, owner: str, kind: TagKind, method: str) -> Callable[..., Any]:
        return guarded(self._manager, owner, f"the network <{kind.names[0]}:...>", getattr(kind, method))
