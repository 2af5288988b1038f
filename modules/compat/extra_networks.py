"""`modules.extra_networks` of the older UI: tags `<kind:name:...>`, and kinds that extensions add."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.faults import Fault, NotPossibleNow
from modules.networks.applying import Applied
from modules.prompts.tags import NetworkTag, extract_tags

if TYPE_CHECKING:
    from modules.models.latent_diffusion import LatentDiffusion

log = logging.getLogger(__name__)

re_extra_net = re.compile(r"<(\w+):([^>]+)>")
OWN_KINDS = ("lora", "lyco", "hypernet")


class ExtraNetworkParams:
    """The words of one tag. Args: items: all of them; those with `=` are in `named`, the others in `positional`."""

    def __init__(self, items: Iterable[str] | None = None) -> None:
        self.items = list(items or [])
        self.positional: list[str] = []
        self.named: dict[str, str] = {}
        for item in self.items:
            parts = item.split("=", 2)
            if len(parts) == 2:
                self.named[parts[0]] = parts[1]
            else:
                self.positional.append(item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExtraNetworkParams) and self.items == other.items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ExtraNetworkParams({self.items!r})"


class ExtraNetwork:
    """A kind of tag: extensions derive theirs from it. Args: name: the word after `<`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def activate(self, p: Any, params_list: list[ExtraNetworkParams]) -> None:
        """Before each batch. Args: params_list: the tags of this kind, none where the prompt has none."""
        raise NotImplementedError

    def deactivate(self, p: Any) -> None:
        """When the tags act no longer."""
        raise NotImplementedError


class OwnNetwork(ExtraNetwork):
    """A kind of the program's own."""

    def activate(self, p: Any, params_list: list[ExtraNetworkParams]) -> None:
        """Put these networks on the loaded model, and take others of the kind off. Raises: Fault."""
        _set_own({self.name: params_list})

    def deactivate(self, p: Any) -> None:
        """Take them off."""
        _set_own({})


extra_network_registry: dict[str, ExtraNetwork] = {}
extra_network_aliases: dict[str, ExtraNetwork] = {}


def initialize() -> None:
    """Forget the kinds of extensions."""
    extra_network_registry.clear()
    extra_network_aliases.clear()
    register_default_extra_networks()


def register_extra_network(extra_network: ExtraNetwork) -> None:
    """Have one more kind of tag; it acts in the program's own jobs too."""
    extra_network_registry[extra_network.name] = extra_network


def register_extra_network_alias(extra_network: ExtraNetwork, alias: str) -> None:
    """Another word for a kind."""
    extra_network_aliases[alias] = extra_network


def register_default_extra_networks() -> None:
    """The program's own kinds."""
    for name in ("lora", "hypernet"):
        extra_network_registry.setdefault(name, OwnNetwork(name))
    extra_network_aliases.setdefault("lyco", extra_network_registry["lora"])


register_default_extra_networks()


# -- prompts ------------------------------------------------------------------------------------------------


def parse_prompt(prompt: str) -> tuple[str, dict[str, list[ExtraNetworkParams]]]:
    """The prompt without its tags, and the tags by kind."""
    text, tags = extract_tags(prompt)
    found: dict[str, list[ExtraNetworkParams]] = defaultdict(list)
    for tag in tags:
        found[tag.kind].append(_params(tag))
    return text, found


def parse_prompts(prompts: Sequence[str]) -> tuple[list[str], dict[str, list[ExtraNetworkParams]]]:
    """The prompts without their tags, and the tags of the first."""
    results = [parse_prompt(prompt) for prompt in prompts]
    return [text for text, _ in results], results[0][1] if results else defaultdict(list)


def _params(tag: NetworkTag) -> ExtraNetworkParams:
    _, _, words = str(tag)[1:-1].partition(":")
    params = ExtraNetworkParams([*tag.positional, *(f"{name}={value}" for name, value in tag.named)])
    params.items = words.split(":")
    return params


def lookup_extra_networks(extra_network_data: Mapping[str, list[Any]]) -> dict[ExtraNetwork, list[Any]]:
    """The kinds that tags are of, with the tags of each; unknown ones are left out."""
    found: dict[ExtraNetwork, list[Any]] = {}
    for name, params in extra_network_data.items():
        network = extra_network_registry.get(name) or extra_network_aliases.get(name)
        if network is None:
            log.info("There is no kind of network called %r.", name)
            continue
        found.setdefault(network, []).extend(params)
    return found


def activate(p: Any, extra_network_data: Mapping[str, list[ExtraNetworkParams]]) -> None:
    """Have these tags act on the loaded model, and no others. Raises: Fault: a file isn't there."""
    found = lookup_extra_networks(extra_network_data)
    own = {kind.name: params for kind, params in found.items() if isinstance(kind, OwnNetwork)}
    _set_own(own)
    for network in _older():
        network.activate(p, found.get(network, []))


def deactivate(p: Any, extra_network_data: Mapping[str, list[ExtraNetworkParams]]) -> None:
    """Take them off again."""
    _set_own({})
    for network in _older():
        network.deactivate(p)


def _older() -> list[ExtraNetwork]:
    """The kinds of extensions."""
    return [each for each in extra_network_registry.values() if not isinstance(each, OwnNetwork)]


def _set_own(by_kind: Mapping[str, list[ExtraNetworkParams]]) -> None:
    """Have the program's own networks act that these tags name. Raises: Fault."""
    from modules.compat.sd_models import model_data

    model = model_data.get_sd_model()
    networks = house().engine.networks if is_open() else None
    if model is None or networks is None:
        raise NotPossibleNow("No model is loaded that networks could act on.")
    tags = [
        NetworkTag(kind, tuple(params.positional), tuple(params.named.items()))
        for kind, listed in by_kind.items()
        for params in listed
    ]
    networks.set(model.loaded, tags)


# -- extensions' kinds in our jobs --------------------------------------------------------------------------


class OlderTags:
    """The extensions' kinds of tags as one kind; see `networks.applying.TagKind`."""

    def __init__(self) -> None:
        self._active: list[tuple[ExtraNetwork, Any]] = []
        self._before: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The words of all of them."""
        kinds = {each.name for each in _older()}
        aliases = {alias for alias, each in extra_network_aliases.items() if not isinstance(each, OwnNetwork)}
        return tuple(sorted((kinds | aliases) - set(OWN_KINDS)))

    @names.setter
    def names(self, names: tuple[str, ...]) -> None:
        raise AttributeError("the extensions decide")

    def check(self, tags: Sequence[NetworkTag]) -> None:
        """Nothing is known of what their tags name."""

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        """See `TagKind`."""
        before, self._before = self._before, [str(tag) for tag in tags]
        active, self._active = self._active, []
        for network, p in active:
            _call(network, "deactivate", p)
        by_kind: dict[int, list[ExtraNetworkParams]] = defaultdict(list)
        for tag in tags:
            network_of_tag = extra_network_registry.get(tag.kind) or extra_network_aliases.get(tag.kind)
            by_kind[id(network_of_tag)].append(_params(tag))
        older = _older()
        if not older:
            return Applied(bool(active))
        p = current_p()
        for network in older:
            params = by_kind[id(network)]
            if params:
                self._active.append((network, p))
                _call(network, "activate", p, params)
            else:  # they are told so, and what fails then changes no picture
                _attempt(network, p)
        # nobody knows what they change: where they act, prompts are encoded anew
        changed = before != self._before or bool(self._before)
        written = getattr(p, "extra_generation_params", None) if isinstance(p, SimpleNamespace) else None
        return Applied(changed, {key: str(value) for key, value in (written or {}).items()})


def current_p() -> Any:
    """The processing object of the job that runs; a small one that stands in where no script has asked for it."""
    from modules.compat.sd_models import model_data

    try:
        from modules.compat.older_run import runs

        run = runs.top()
    except ImportError:
        run = None
    if run is not None:
        return run.p
    return SimpleNamespace(
        sd_model=model_data.sd_model,
        extra_generation_params={},
        disable_extra_networks=False,
        comment=log.info,
    )


def _call(network: ExtraNetwork, method: str, *arguments: Any) -> None:
    from modules.compat.sampling_tables import guarded

    function = getattr(network, method)
    try:
        guarded(f"the network <{network.name}:...>", type(network), function)(*arguments)
    except Fault:
        raise
    except Exception as error:
        raise NotPossibleNow(f"The network <{network.name}:...> failed: {error}") from error


def _attempt(network: ExtraNetwork, p: Any) -> None:
    try:
        network.activate(p, [])
    except Exception:  # an extension's failure is its own
        log.exception("The network <%s:...> failed without a tag.", network.name)


def older_networks() -> list[OlderTags]:
    """The kinds of tags of the older UI's extensions, for `networks.applying.Networks`."""
    return [_tags]


_tags = OlderTags()


# -- notes --------------------------------------------------------------------------------------------------


def get_user_metadata(filename: str | None, lister: Any = None) -> dict[str, Any]:
    """What the JSON file beside a network says; {} where it says nothing."""
    if filename is None:
        return {}
    try:
        with open(os.path.splitext(filename)[0] + ".json", encoding="utf8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
