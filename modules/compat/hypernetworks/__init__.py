"""Hypernetworks under the older UI's names."""
