"""Samplers, sigma schedules, noise, guidance, the denoiser: latents in, latents out."""
