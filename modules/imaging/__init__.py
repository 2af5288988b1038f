"""Pictures: infotext, saving, previews, grids."""
