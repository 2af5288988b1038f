"""Any upload becomes an RGB or RGBA picture, or one sentence."""

import base64
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from modules.faults import InvalidField
from modules.imaging import reading
from modules.imaging.reading import decode_base64, flatten, read_picture, read_picture_and_suffix


def file_of(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colourful(width: int = 13, height: int = 7) -> Image.Image:
    values = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def with_hole(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putpixel((0, 0), (10, 20, 30, 0))
    return image


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("kind", "suffix", "options"),
    [
        ("PNG", "png", {}),
        ("WEBP", "webp", {"lossless": True}),
        ("BMP", "bmp", {}),
        ("TIFF", "tiff", {}),
        ("TIFF", "tiff", {"compression": "tiff_lzw"}),
        ("PPM", "ppm", {}),
    ],
)
def test_lossless_formats_are_read_exactly(kind: str, suffix: str, options: dict) -> None:
    picture, found = read_picture_and_suffix(file_of(colourful(), kind, **options), "mask")
    assert same(picture, colourful()) and found == suffix


@pytest.mark.parametrize(
    ("kind", "suffix"), [("JPEG", "jpg"), ("MPO", "jpg"), ("AVIF", "avif"), ("GIF", "gif"), ("WEBP", "webp")]
)
def test_lossy_formats_are_read_nearly(kind: str, suffix: str) -> None:
    plain = Image.new("RGB", (32, 24), (200, 90, 40))
    picture, found = read_picture_and_suffix(file_of(plain, kind), "mask")
    assert (picture.mode, picture.size, found) == ("RGB", (32, 24), suffix)
    assert np.abs(np.asarray(picture, int) - np.asarray(plain, int)).max() <= 6


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_transparency_is_kept(kind: str, options: dict) -> None:
    picture = read_picture(file_of(with_hole(colourful()), kind, **options), "mask")
    assert picture.mode == "RGBA" and pixel(picture, 0, 0)[3] == 0
    assert np.array_equal(np.asarray(picture)[1:, :, :3], np.asarray(colourful())[1:])


def test_alpha_without_transparency_is_dropped() -> None:
    assert same(read_picture(file_of(colourful().convert("RGBA")), "mask"), colourful())


def test_palette_with_and_without_transparency() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    plain = read_picture(file_of(palette), "mask")
    assert plain.mode == "RGB" and [plain.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
    for data in (file_of(palette, transparency=0), file_of(palette, "GIF", transparency=0)):
        picture = read_picture(data, "mask")
        assert picture.mode == "RGBA"
        assert pixel(picture, 0, 0)[3] == 0 and picture.getpixel((1, 0)) == (0, 0, 255, 255)


def test_grey_with_alpha_and_black_and_white() -> None:
    grey = Image.new("LA", (2, 1), (77, 255))
    grey.putpixel((1, 0), (9, 40))
    assert list(read_picture(file_of(grey), "mask").get_flattened_data()) == [
        (77, 77, 77, 255),
        (9, 9, 9, 40),
    ]
    bits = Image.new("1", (2, 1))
    bits.putpixel((1, 0), 1)
    assert list(read_picture(file_of(bits), "mask").get_flattened_data()) == [(0, 0, 0), (255, 255, 255)]


def test_luminance_survives_reading_as_rgb() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    assert same(read_picture(file_of(ramp), "mask").convert("L"), ramp)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled(kind: str) -> None:
    values = np.array([[0, 128, 129, 256, 257, 32768, 65535]], np.uint16)
    picture = read_picture(file_of(Image.fromarray(values), kind), "mask")
    assert np.asarray(picture)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 128, 255]


def test_thirty_two_bits_and_floats() -> None:
    wide = Image.fromarray(np.array([[-5, 65535, 70000]], np.int32))
    assert np.asarray(read_picture(file_of(wide, "TIFF"), "mask"))[0, :, 0].tolist() == [0, 255, 255]
    unit = Image.fromarray(np.array([[0, 0.5, 1, np.nan]], np.float32))
    assert np.asarray(read_picture(file_of(unit, "TIFF"), "mask"))[0, :, 0].tolist() == [0, 128, 255, 0]
    bytewise = Image.fromarray(np.array([[0, 100, 255, np.inf]], np.float32))
    assert np.asarray(read_picture(file_of(bytewise, "TIFF"), "mask"))[0, :, 0].tolist() == [0, 100, 255, 255]


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [("JPEG", "CMYK", {}), ("TIFF", "CMYK", {}), ("TIFF", "YCbCr", {"compression": "jpeg"})],
)
def test_print_and_video_colours(kind: str, mode: str, options: dict) -> None:
    plain = Image.new("RGB", (16, 16), (200, 90, 40))
    picture = read_picture(file_of(plain.convert(mode), kind, **options), "mask")
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture, int) - np.asarray(plain, int)).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    with Image.open(BytesIO(data)) as file:
        assert getattr(file, "n_frames", 1) == 3
    red, green, blue = pixel(read_picture(data, "mask"), 8, 8)
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (48, 32))
    for corner, colour in {(0, 0): "#ff0000", (24, 0): "#00ff00", (0, 16): "#0000ff"}.items():
        upright.paste(colour, (*corner, corner[0] + 24, corner[1] + 16))
    t = Image.Transpose
    undo = [
        None,
        t.FLIP_LEFT_RIGHT,
        t.ROTATE_180,
        t.FLIP_TOP_BOTTOM,
        t.TRANSPOSE,
        t.ROTATE_90,
        t.TRANSVERSE,
        t.ROTATE_270,
    ]
    turn = undo[orientation - 1]
    stored = upright.transpose(turn) if turn is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(file_of(stored, kind, exif=exif), "mask")
    assert picture.size == (48, 32)
    assert np.abs(np.asarray(picture, int) - np.asarray(upright, int)).mean() < 12


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored() -> None:
    data = file_of(colourful(), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x99")
    assert same(read_picture(data, "mask"), colourful())


def test_metadata_are_dropped() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_picture(file_of(colourful(), icc_profile=profile, dpi=(300, 300)), "mask").info == {}


# --- hostile ---------------------------------------------------------------------------------------------------


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def sentence(data: bytes) -> str:
    with pytest.raises(InvalidField) as caught:
        read_picture(data, "init_images")
    assert caught.value.field == "init_images"
    assert caught.value.message.startswith("init_images") and caught.value.message.endswith(".")
    return caught.value.message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(8193, 1), (1, 8193), (8100, 8100), (12000, 9000)])
def test_too_large_pictures_are_refused_with_size_and_limit(size: tuple[int, int]) -> None:
    message = sentence(png_that_claims(*size))
    assert f"{size[0]}x{size[1]}" in message and "8192" in message and "64,000,000" in message


def test_bombs_are_refused() -> None:
    message = sentence(png_that_claims(60000, 60000))
    assert "3,600,000,000 pixels" in message and "64,000,000" in message


def test_the_largest_side_is_read() -> None:
    assert read_picture(file_of(Image.new("L", (8192, 1))), "mask").size == (8192, 1)


def test_a_picture_without_pixels_is_refused() -> None:
    sentence(png_that_claims(0, 5))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"GIF89a",
        b"hello, this is text" * 40,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4\n%%EOF",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(50),
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        b"PK\x03\x04" + bytes(60),
        png_that_claims(64, 64),
    ],
)
def test_wrong_bytes_are_refused(data: bytes) -> None:
    sentence(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_cut_off_files_are_refused(kind: str) -> None:
    data = file_of(colourful(64, 48), kind)
    for share in (0.02, 0.3, 0.6):
        sentence(data[: int(len(data) * share)])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"]),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20
    ),
)
def test_damage_gives_a_picture_or_a_sentence(kind: str, places: list[tuple[float, int]]) -> None:
    data = bytearray(file_of(colourful(24, 16), kind))
    for share, value in places:
        data[int(share * len(data))] = value
    try:
        picture = read_picture(bytes(data), "mask")
    except InvalidField as fault:
        assert fault.field == "mask"
    else:
        assert picture.mode in ("RGB", "RGBA") and max(picture.size) <= reading.MAX_SIDE


# --- base64, flatten -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_is_decoded_in_all_its_dresses(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    for dressed in (
        text,
        f"data:image/png;base64,{text}",
        f"DATA:image/png;charset=x;BASE64,{text}",
        f"  {text[:3]}\r\n{text[3:]}\n",
        text.rstrip("="),
    ):
        assert decode_base64(dressed, "mask") == data


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,", "====", "a", "http://a/b.png", "ab$d", "äöü=", "a=bc"]
)
def test_wrong_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        decode_base64(text, "mask")
    assert caught.value.field == "mask"


def test_flatten_lays_on_the_background() -> None:
    image = Image.new("RGBA", (3, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    image.putpixel((2, 0), (0, 0, 0, 128))
    assert list(flatten(image).get_flattened_data()) == [(255, 255, 255), (10, 20, 30), (127, 127, 127)]
    assert flatten(image, "#102030").getpixel((0, 0)) == (16, 32, 48)
    assert same(flatten(colourful()), colourful())
    with pytest.raises(InvalidField):
        flatten(image, "no colour")
