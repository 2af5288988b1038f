"""`modules.logging_config` of the older UI: the program sets its log up itself."""


def setup_logging(loglevel: str | None) -> None:
    """Nothing to do."""
