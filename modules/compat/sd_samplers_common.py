"""`modules.sd_samplers_common` of the older UI: what a sampler is, and latents as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.compat.house import house, is_open
from modules.compat.older_options import option

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

approximation_indexes = {"Full": 0, "Approx NN": 1, "Approx cheap": 2, "TAESD": 3}


class SamplerDataTuple(NamedTuple):
    """A sampler: what `SamplerData` holds."""

    name: str
    constructor: Callable[[Any], Any]
    aliases: list[str]
    options: dict[str, Any]


class SamplerData(SamplerDataTuple):
    """A sampler. Args: constructor: makes it for a model; options: `scheduler`, `second_order`, ..."""

    def total_steps(self, steps: int) -> int:
        """How many calls of the model so many steps take."""
        return steps * 2 if self.options.get("second_order", False) else steps


class InterruptedException(BaseException):
    """A sampling was ended early."""


def setup_img2img_steps(p: Any, steps: int | None = None) -> tuple[int, int]:
    """The length of the schedule, and how many of its steps are done, less one."""
    strength = min(p.denoising_strength, 0.999)
    if option("img2img_fix_steps", False) or steps is not None:
        requested = steps or p.steps
        return (int(requested / strength) if p.denoising_strength > 0 else 0), requested - 1
    return p.steps, int(strength * p.steps)


# -- latents and pictures -----------------------------------------------------------------------------------


def decode_first_stage(model: Any, x: Tensor) -> Tensor:
    """Scaled latents `[B, 4, h, w]` to pictures `[B, 3, H, W]`, about -1..1."""
    return model.decode_first_stage(x)


def samples_to_images_tensor(sample: Tensor, approximation: int | None = None, model: Any = None) -> Tensor:
    """Latents `[B, 4, h, w]` to pictures `[B, 3, H, W]` in -1..1. Args: approximation: see `approximation_indexes`."""
    if not approximation:
        return _model(model).decode_first_stage(sample)
    from modules.models.latent_preview import latent_preview

    folder = house().folders.models / "VAE-approx"
    method: Any = "TAESD" if approximation == 3 else "Linear"
    return latent_preview(method, _model(model).loaded.vae, folder)(sample)


def single_sample_to_image(sample: Tensor, approximation: int | None = None) -> Image:
    """One latent `[4, h, w]` as a picture. Args: approximation: None: as previews are."""
    from modules.imaging.pixels import to_image

    if approximation is None:
        approximation = approximation_indexes.get(str(option("show_progress_type", "Approx cheap")), 2)
    return to_image(samples_to_images_tensor(sample[None], approximation)[0])


def sample_to_image(samples: Tensor, index: int = 0, approximation: int | None = None) -> Image:
    """One of a batch of latents as a picture."""
    return single_sample_to_image(samples[index], approximation)


def samples_to_image_grid(samples: Tensor, approximation: int | None = None) -> Image:
    """A batch of latents as one sheet of pictures."""
    from modules.compat.images import image_grid

    return image_grid([single_sample_to_image(sample, approximation) for sample in samples])


def images_tensor_to_samples(image: Tensor, approximation: int | None = None, model: Any = None) -> Tensor:
    """Pictures `[B, 3, H, W]` in 0..1 to scaled latents `[B, 4, h, w]`."""
    sd_model = _model(model)
    return sd_model.get_first_stage_encoding(sd_model.encode_first_stage(image * 2 - 1))


def _model(model: Any) -> Any:
    from modules.compat.sd_models import model_data

    return model_data.get_sd_model() if model is None else model


def store_latent(decoded: Tensor) -> None:
    """Have the latents at hand for a preview."""
    if is_open():
        from modules.compat.shared import state

        state.current_latent = decoded


def is_sampler_using_eta_noise_seed_delta(p: Any) -> bool:
    """Whether "eta noise seed delta" applies to the sampler of a job."""
    from modules.faults import UnknownName
    from modules.sampling.catalogue import resolve

    try:
        return resolve(str(p.sampler_name), "Automatic")[0].uses_seed_delta
    except UnknownName:
        return False


# -- samplers -----------------------------------------------------------------------------------------------


class TorchHijack:
    """`torch`, whose `randn_like` gives the noise of the pictures' seeds. Args: p: with `rng`."""

    def __init__(self, p: Any) -> None:
        self.rng = p.rng

    def __getattr__(self, item: str) -> Any:
        import torch

        return getattr(torch, item)

    def randn_like(self, x: Tensor) -> Tensor:
        """The next noise."""
        return self.rng.next().to(x)


def replace_torchsde_browinan() -> None:
    """Nothing: the Brownian noise is the same everywhere already."""


def apply_refiner(cfg_denoiser: Any, x: Any = None) -> bool:
    """False: the program changes to the refiner itself."""
    return False


class Sampler:
    """What all samplers have. Args: funcname: a function of k-diffusion by its name, or a function."""

    eta_option_field, eta_infotext_field, eta_default = "eta_ancestral", "Eta", 1.0

    def __init__(self, funcname: Any, model: Any = None) -> None:
        self.funcname = funcname
        self.sd_model = model
        self.p: Any = None
        self.config: SamplerData | None = None
        self.options: dict[str, Any] = {}
        self.extra_params: Sequence[str] = []
        self.sampler_noises: Any = None
        self.stop_at: Any = None
        self.eta: float | None = None
        self.last_latent: Any = None
        self.s_min_uncond, self.s_churn, self.s_tmin, self.s_tmax, self.s_noise = (
            0.0,
            0.0,
            0.0,
            float("inf"),
            1.0,
        )
        self.conditioning_key = "crossattn"
        self.model_wrap: Any = None
        self.model_wrap_cfg: Any = None
        self.step = 0

    @property
    def func(self) -> Any:
        """The function itself."""
        if callable(self.funcname):
            return self.funcname
        from modules.sampling.kdiffusion import sampling

        return getattr(sampling(), self.funcname, None)

    def number_of_needed_noises(self, p: Any) -> int:
        """How many noises a picture takes, at most."""
        return int(p.steps)

    def initialize(self, p: Any) -> dict[str, Any]:
        """Take over what a job says of the finer settings."""
        self.p = p
        self.eta = self.eta_default if getattr(p, "eta", None) is None else p.eta
        for name in ("s_min_uncond", "s_churn", "s_tmin", "s_tmax", "s_noise"):
            value = getattr(p, name, None)
            if value is not None:
                setattr(self, name, value)
        return {}

    def launch_sampling(self, steps: int, func: Callable[[], Any]) -> Any:
        """Run a sampling; what is interrupted gives the latest latents."""
        try:
            return func()
        except InterruptedException:
            return self.last_latent

    def callback_state(self, d: dict[str, Any]) -> None:
        """After each step. Args: d: `i`, `x`, `denoised`, ..."""
        store_latent(d["denoised"])
        self.last_latent = d["denoised"]

    def create_noise_sampler(self, x: Tensor, sigmas: Tensor, p: Any) -> Any:
        """Brownian noise of the pictures' seeds."""
        from modules.sampling.kdiffusion import sampling

        positive = sigmas[sigmas > 0]
        seeds = list(p.all_seeds[p.iteration * p.batch_size : (p.iteration + 1) * p.batch_size])
        return sampling().BrownianTreeNoiseSampler(x, positive.min(), sigmas.max(), seed=seeds)

    def add_infotext(self, p: Any) -> None:
        """Nothing: the recipe says these things anyway."""

    def sample(
        self,
        p: Any,
        x: Tensor,
        conditioning: Any,
        unconditional_conditioning: Any,
        steps: int | None = None,
        image_conditioning: Any = None,
    ) -> Tensor:
        """Latents out of noise `[B, 4, h, w]`."""
        from modules.compat.sd_samplers_running import run

        return run(self, p, x, conditioning, unconditional_conditioning, steps, image_conditioning)

    def sample_img2img(
        self,
        p: Any,
        x: Tensor,
        noise: Tensor,
        conditioning: Any,
        unconditional_conditioning: Any,
        steps: int | None = None,
        image_conditioning: Any = None,
    ) -> Tensor:
        """Latents out of a picture's latents with noise, both `[B, 4, h, w]`."""
        from modules.compat.sd_samplers_running import run

        return run(
            self, p, noise, conditioning, unconditional_conditioning, steps, image_conditioning, begin=x
        )


def samples_to_image(samples: Tensor) -> Image:
    """The first of a batch of latents as a picture."""
    return sample_to_image(samples)
