"""Gradio pages, one file a tab. No tensor is touched here."""
