"""Textual inversion under the older UI's names."""
