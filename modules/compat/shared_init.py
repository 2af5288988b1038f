"""`modules.shared_init` of the older UI: it filled `shared`, which fills itself here."""


def initialize() -> None:
    """Nothing to do: what is in `shared` is asked for when it is used."""
