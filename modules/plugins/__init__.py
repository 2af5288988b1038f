"""Finds, loads and calls extensions; the hook specifications live here."""
