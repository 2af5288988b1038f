"""Takes over the settings of an older install, once: what there is here under another name."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from modules.app import Application
from modules.faults import Fault
from modules.rest.options import SETTINGS, to_changes

log = logging.getLogger(__name__)


def take_over_settings(application: Application, config: Path) -> None:
    """Read the older UI's `config.json`, unless there are settings of our own already."""
    settings = application.settings
    if settings.saved or not config.is_file():
        return
    try:
        options = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        log.warning("%s can't be read (%s); its settings are not taken over.", config, error)
        return
    if not isinstance(options, dict):
        return
    services = application.rest_services(lambda: None)
    for name in SETTINGS:
        if name not in options:
            continue
        value = {name: options[name]}
        try:
            changes = to_changes(value, settings.current, services.checkpoints, services.vaes, by_owner=True)
            settings.update(changes, by_owner=True)
        except Fault as fault:
            log.warning("%s: %s It is not taken over.", config.name, fault.message)
