"""Checkpoint files to a latent diffusion model: formats, families, U-Net, VAE, text encoders."""
