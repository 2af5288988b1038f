"""The command line: `parse` reads it into a `CommandLine`."""

from modules.cli.command_line import CommandLine, is_local, parse, warn_of_unknown

__all__ = ["CommandLine", "is_local", "parse", "warn_of_unknown"]
