"""Network files found in folders and applied to a model: embeddings, hypernetworks, LoRA."""
