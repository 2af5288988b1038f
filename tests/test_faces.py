"""Faces restored in pictures as they are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modules.compute import choose
from modules.faults import InvalidField, NotPossibleNow, NotSupported, UnknownName
from modules.generation.engine import Engine, check
from modules.generation.from_settings import face_options
from modules.generation.options import FaceOptions
from modules.generation.requests import HiresFix, ImageToImage, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.generation.upscaling import Tools
from modules.imaging import face_restoration
from modules.imaging.inputs import InputStore
from modules.imaging.upscalers import Upscalers
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from modules.pages.form import from_request, to_request
from modules.settings.model import Settings
from modules.settings.store import with_changes
from tests import tiny_model
from tests.test_extras import FaceModel, OneFace, put_file, restorers

SIDE = 200  # `OneFace` has its face about the middle
REQUEST = TextToImage(prompt="a cat", seed=11, steps=1, sampler="Euler", width=SIDE, height=SIDE, save=False)
GFPGAN = FaceOptions(restorer="GFPGAN")
FACE = (slice(70, 130), slice(70, 130))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FaceModel:
    model = FaceModel("GFPGAN")
    monkeypatch.setattr(face_restoration, "load_model", lambda path, device: model)
    return model


class Studio:
    """A tiny model, and what restores the face that every picture has."""

    def __init__(self, folder: Path) -> None:
        tiny_model.write(folder / "tiny.safetensors")
        put_file(folder, "GFPGAN/GFPGANv1.4.pth")
        catalogue = CheckpointCatalogue((), folder / "files.sqlite", (folder / "tiny.safetensors",))
        self.models = ModelStore(catalogue, lambda: choose("cpu"))
        self.inputs = InputStore(folder / "inputs")
        self.faces = restorers(folder, OneFace(0.0))
        tools = Tools(self.inputs, Upscalers(), self.faces)
        self.engine = Engine(self.models, pictures=self.inputs, extras=tools)

    def make(self, request: TextToImage | ImageToImage) -> list[GeneratedImage]:
        checked = check(request, self.models, faces=self.faces)
        return list(self.engine.run(checked, Unwatched()))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def pixels(picture: GeneratedImage) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


def test_each_picture_has_its_face_restored_and_says_so(studio: Studio, model: FaceModel) -> None:
    request = replace(REQUEST, batch_size=2)
    plain, restored = studio.make(request), studio.make(replace(request, faces=GFPGAN))
    assert len(model.calls) == 2
    for before, after in zip(plain, restored, strict=True):
        assert "Face restoration" not in before.infotext
        assert f"Seed: {after.seed}, Face restoration: GFPGAN, Size: 200x200" in after.infotext
        assert np.abs(pixels(after)[FACE] - (255 - pixels(before)[FACE])).max() <= 6
        assert np.array_equal(pixels(after)[:, :20], pixels(before)[:, :20])


def test_only_the_finished_picture_is_restored(studio: Studio, model: FaceModel) -> None:
    studio.make(replace(REQUEST, width=104, height=104, faces=GFPGAN, hires=HiresFix(upscaler="Lanczos")))
    assert len(model.calls) == 1


def test_in_pictures_from_pictures(studio: Studio, model: FaceModel) -> None:
    [first] = studio.make(REQUEST)
    name = studio.inputs.keep(first.image)
    request = ImageToImage(
        prompt="a cat", seed=3, steps=2, width=SIDE, height=SIDE, init_images=(name,), save=False
    )
    [plain], [restored] = studio.make(request), studio.make(replace(request, faces=GFPGAN))
    assert np.abs(pixels(restored)[FACE] - (255 - pixels(plain)[FACE])).max() <= 6


def test_what_is_missing_is_said_before_anything_is_made(studio: Studio) -> None:
    for restorer, fault in (("CodeFormer", NotPossibleNow), ("Nobody", UnknownName)):
        with pytest.raises(fault) as caught:
            studio.make(replace(REQUEST, faces=FaceOptions(restorer=restorer)))
        assert caught.value.field == "restore_faces"
    with pytest.raises(NotSupported):
        check(replace(REQUEST, faces=GFPGAN), studio.models)
    with pytest.raises(InvalidField):
        FaceOptions(weight=1.5)


def test_the_settings_decide_where_nobody_says_otherwise() -> None:
    on = with_changes(Settings(), {"faces.restore": True, "faces.restorer": "GFPGAN", "faces.weight": 0.3})
    assert face_options(Settings()) == FaceOptions()
    assert face_options(Settings(), restore=True) == FaceOptions(restorer="CodeFormer")
    assert face_options(on) == FaceOptions(restorer="GFPGAN", weight=0.3)
    assert face_options(on, restore=False).restorer is None
    assert to_request("txt2img", from_request(REQUEST), on).faces.restorer == "GFPGAN"
