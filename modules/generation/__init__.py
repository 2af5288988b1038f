"""One request to pictures."""
