"""The older UI's API module: what extensions import from it."""
