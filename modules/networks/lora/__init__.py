"""The LoRA family of network files: read, matched to a model's modules, and added to its weights."""
