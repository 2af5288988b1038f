"""The page: Gradio builds the form, `javascript/` shows what happens. One file a tab; no tensor is touched here."""
