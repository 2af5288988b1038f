"""Typed settings in groups, their defaults, and the file that keeps them."""
