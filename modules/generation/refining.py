"""The refiner: another model that takes over within a pass (Podell et al., "SDXL", 2023, section 2.5)."""

from __future__ import annotations

from modules.generation.batch import Batch
from modules.generation.guidance import PassPlan, PictureCondition, guidance_for
from modules.models.families import Prediction
from modules.models.placement import placed
from modules.models.unet import UNet
from modules.sampling.denoiser import Guidance, Switch


def refiner_switch(batch: Batch, plan: PassPlan, picture: PictureCondition) -> Switch | None:
    """The change to the refiner that the batch's request asks for; None: none.

    The refiner is loaded when it is its turn.
    """
    request, on = batch.request, batch.session.on
    refiner = request.refiner
    if refiner is None or on is None or refiner.switch_at >= 1:
        return None

    def take_over() -> tuple[UNet, Guidance, Prediction]:
        session = on(refiner.checkpoint)
        told = (
            picture
            if session.model.family.picture == batch.session.model.family.picture
            else PictureCondition()
        )
        with placed(session.model, "text"):
            guidance = guidance_for(request, plan, session.encoder, session.model.family, told)
        batch.held.enter_context(placed(session.model, "unet"))
        return session.model.unet, guidance, session.model.prediction

    return Switch(refiner.switch_at, take_over)
