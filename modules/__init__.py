"""Easel's own package: see docs/architecture.md for its floors and CONTRIBUTING.md for a first tour."""
