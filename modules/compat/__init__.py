"""The names that extensions of the older UI import, as a thin face over the core."""
