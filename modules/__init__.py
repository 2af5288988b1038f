"""Easel's own package; docs/architecture.md shows its floors, CONTRIBUTING.md takes you on a first tour.

Extensions of the older UI import names such as `modules.shared`. Those that Easel knows are files in
`modules/compat/`; adding that folder to this package's path is all that makes them importable by their old names.
"""

from pathlib import Path

__path__.append(str(Path(__file__).parent / "compat"))
