"""Pictures of a folder: kept with their prompts and masks, and made one by one in a single job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.faults import InvalidField
from modules.generation.requests import ImageToImage, Mask
from modules.generation.serialization import from_json, to_json
from modules.imaging.storage import save_png
from modules.pages.form import to_request
from modules.rest.picture_folders import PictureFolders, masks_for
from modules.settings.model import Settings
from tests.rest_support import build_house, close
from tests.starter import Starter


def picture(path: Path, colour: tuple[int, int, int] = (90, 120, 160), infotext: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_png(Image.new("RGB", (64, 48), colour), path, infotext)
    return path


def test_a_server_for_others_reads_its_own_folders_only(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    (outputs / "mine").mkdir(parents=True)
    (outputs / "mine" / "a.png").touch()
    (tmp_path / "elsewhere").mkdir()
    folders = PictureFolders((outputs,))
    assert folders.pictures_in("mine", "folder", 9) == [outputs / "mine" / "a.png"]
    (outputs / "link").symlink_to(tmp_path / "elsewhere")
    for bad in ("/etc", "../elsewhere", str(tmp_path), "link", "~"):
        with pytest.raises(InvalidField, match="Only folders inside outputs"):
            folders.pictures_in(bad, "folder", 9)
    with pytest.raises(InvalidField, match="no pictures"):
        PictureFolders().pictures_in(str(tmp_path / "elsewhere"), "folder", 9)
    with pytest.raises(InvalidField, match="at most 0"):
        folders.pictures_in("mine", "folder", 0)


def test_masks_go_by_names_and_one_is_for_all() -> None:
    pictures = [Path("a.png"), Path("b.jpg")]
    assert masks_for(pictures, [Path("m/b.png"), Path("m/a.webp")]) == [Path("m/a.webp"), Path("m/b.png")]
    assert masks_for(pictures, [Path("m/all.png")]) == [Path("m/all.png")] * 2
    with pytest.raises(InvalidField, match=r"no mask for b\.jpg"):
        masks_for(pictures, [Path("m/a.png"), Path("m/c.png")])


def test_the_route_keeps_a_folder(tmp_path: Path) -> None:
    recipe = "a red fox\nNegative prompt: trees\nSteps: 20, Seed: 7, Size: 64x48"
    picture(tmp_path / "in" / "a.png", infotext=recipe)
    picture(tmp_path / "in" / "b.png", (10, 20, 30))
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    picture(tmp_path / "masks" / "any.png", (255, 255, 255))
    house = build_house(tmp_path / "data")
    client, body = house.client(), {"folder": str(tmp_path / "in"), "masks": str(tmp_path / "masks")}
    first, second = client.post("/easel/inputs/folder", json=body).json()
    assert (first["file"], first["width"], first["height"]) == ("a.png", 64, 48)
    assert (first["prompt"], first["negative_prompt"], first["seed"]) == ("a red fox", "trees", 7)
    assert "prompt" not in second and first["mask"] == second["mask"] != first["name"]
    (tmp_path / "in" / "c.png").write_bytes(b"nothing")
    answer = client.post("/easel/inputs/folder", json=body)
    assert answer.status_code == 422 and "c.png" in answer.json()["detail"]
    close(house)


def test_what_the_pictures_say_stands_behind_what_was_typed() -> None:
    values = {
        "prompt": "oil painting",
        "negative_prompt": "",
        "seed": -1,
        "init_images": ["a.png", "b.png", "c.png"],
        "batch_count": 3,
        "own_prompts": [
            {"prompt": "a fox", "negative_prompt": "trees", "seed": 7},
            None,
            {"prompt": "a house"},
        ],
    }
    request = to_request("img2img", values, Settings())
    assert isinstance(request, ImageToImage)
    assert request.prompts == ("oil painting, a fox", "oil painting", "oil painting, a house")
    assert request.negative_prompts == ("trees", "", "")
    assert request.seeds[0] == 7 and len(set(request.seeds)) == 3
    assert [request.prompt_of(n) for n in range(4)][3] == request.prompts[0]
    assert from_json(to_json(request)) == request


def test_each_picture_has_its_own_mask_and_prompt(tmp_path: Path) -> None:
    starter = Starter.in_folder(tmp_path)
    left, right = (np.zeros((128, 128), np.uint8) for _ in range(2))
    left[:, :64], right[:, 64:] = 255, 255
    names = [starter.inputs.keep(Image.new("RGB", (128, 128), c)) for c in ((60, 110, 170), (170, 110, 60))]
    masks = [starter.inputs.keep(Image.fromarray(m)) for m in (left, right)]
    request = ImageToImage(
        prompt="a red house on grass",
        prompts=("a red house on grass", "a snowy forest at night"),
        seeds=(5, 6),
        width=128,
        height=128,
        steps=4,
        batch_size=2,
        init_images=tuple(names),
        mask=Mask(images=tuple(masks), blur_x=0, blur_y=0),
    )
    assert request.inputs == (*names, *masks)
    first, second = starter.pictures(request)
    assert first.infotext.startswith("a red house on grass") and "Seed: 5" in first.infotext
    assert second.infotext.startswith("a snowy forest at night") and "Seed: 6" in second.infotext
    kept = [np.asarray(one.image) for one in (first, second)]
    assert (kept[0][:, 64:] == (60, 110, 170)).all() and not (kept[0][:, :64] == (60, 110, 170)).all()
    assert (kept[1][:, :64] == (170, 110, 60)).all() and not (kept[1][:, 64:] == (170, 110, 60)).all()
