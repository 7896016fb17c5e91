"""``vidcolor image``, end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Program, error_line
from vidcolor.media.images import read_image
from vidcolor.media.xmp import SOURCE_TYPE


def make_photo(path: Path, *, width: int = 48, height: int = 40) -> Path:
    ramp = np.linspace(0, 255, width * height).reshape(height, width)
    Image.fromarray(np.round(ramp).astype(np.uint8)).save(path)
    return path


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        picture.load()
        return picture.size


@pytest.fixture
def color(vidcolor: Program, checkpoint: Path) -> Program:
    return lambda *arguments: vidcolor("image", "--checkpoint", checkpoint, *arguments)


def test_a_photo_is_coloured_beside_itself(color: Program, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    before = photo.read_bytes()
    result = color(photo)
    output = tmp_path / "a.color.png"
    assert (result.exit_code, result.stdout.strip(), result.stderr) == (0, str(output), "")
    assert size(output) == (48, 40)
    assert photo.read_bytes() == before


def test_the_suffix_picks_the_format(color: Program, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    assert color(photo, "-o", tmp_path / "b.jpg").exit_code == 0
    with Image.open(tmp_path / "b.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_folder_goes_on_after_a_failure(color: Program, tmp_path: Path) -> None:
    for name in ("a.png", "c.tif"):
        make_photo(tmp_path / name)
    (tmp_path / "b.jpg").write_text("no picture\n")
    (tmp_path / "a.color.png").touch()  # ours: not an input, and not to be replaced
    output = tmp_path / "out"
    output.mkdir()
    result = color(tmp_path, "-o", output)
    assert result.exit_code == 6
    assert "b.jpg" in error_line(result)
    assert sorted(p.name for p in output.iterdir()) == ["a.color.png", "c.color.tif"]
    assert "2 coloured, 1 failed" in result.stdout


def test_an_existing_output_needs_overwrite(color: Program, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    output = tmp_path / "a.color.png"
    output.write_text("precious")
    assert color(photo).exit_code == 20
    assert output.read_text() == "precious"
    assert color(photo, "--overwrite").exit_code == 0
    assert size(output) == (48, 40)


def test_strength_zero_is_grey(color: Program, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    assert color(photo, "--strength", "0").exit_code == 0
    with Image.open(tmp_path / "a.color.png") as picture:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")), 2, 0)
    with Image.open(photo) as picture:
        grey = np.asarray(picture)
    assert np.array_equal(red, grey)
    assert np.array_equal(green, grey)
    assert np.array_equal(blue, grey)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--strength", "9"], 40, "strength = 9"),
        (["--device", "cuda:99"], 41, "cuda:99"),
        (["--checkpoint", "none"], 30, "'none'"),
        (["-o", "none/"], 22, "make it first"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_one_line(
    color: Program, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = color(make_photo(tmp_path / "a.png"), *arguments)
    assert result.exit_code == code
    assert said in error_line(result)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_wrong_inputs(color: Program, tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.png", 3), (tmp_path, 4)):
        result = color(path)
        assert result.exit_code == code
        assert error_line(result)


def test_a_bad_argument_does_not_keep_the_others_from_being_done(
    color: Program, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "p.png")
    (tmp_path / "empty").mkdir()
    result = color(tmp_path / "none.png", photo, tmp_path / "empty", tmp_path / f"{'n' * 300}.png")
    assert result.exit_code == 3
    none, empty, too_long = result.stderr.splitlines()
    assert "none.png does not exist" in none
    assert "no photo in the folder" in empty
    assert "too long" in too_long
    assert size(tmp_path / "p.color.png") == (48, 40)
    assert "1 coloured, 3 failed" in result.stdout


def test_another_input_is_not_overwritten(color: Program, tmp_path: Path) -> None:
    photo, other = make_photo(tmp_path / "a.png"), make_photo(tmp_path / "a.color.png")
    before = other.read_bytes()
    result = color("--overwrite", photo, other)
    assert result.exit_code == 21
    assert "is also an input" in error_line(result)
    assert other.read_bytes() == before


def test_a_folder_that_cannot_be_read(
    color: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read every folder
    result = color(tmp_path)
    assert result.exit_code == 3
    assert "Permission denied" in error_line(result)


def test_the_output_is_in_colour(
    vidcolor: Program, untrained_checkpoint: Path, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "a.png")
    assert vidcolor("image", "--checkpoint", untrained_checkpoint, photo).exit_code == 0
    with Image.open(tmp_path / "a.color.png") as picture:
        rgb = np.asarray(picture.convert("RGB")).astype(float)
    assert np.ptp(rgb, axis=2).mean() > 20


def test_the_log_file_tells_what_was_done(color: Program, tmp_path: Path) -> None:
    photo, log = make_photo(tmp_path / "a.png"), tmp_path / "run.log"
    assert color("--log-file", log, photo).exit_code == 0
    text = log.read_text("utf-8")
    for said in (f"source {photo}", "network untrained on cpu", "a.color.png"):
        assert said in text


def test_photos_of_one_name_cannot_share_a_folder(color: Program, tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
        make_photo(tmp_path / name / "a.png")
    result = color(tmp_path / "x", tmp_path / "y", "-o", tmp_path, "--overwrite")
    assert result.exit_code == 40
    assert "2 of the photos" in error_line(result)


def colors(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def make_halves(path: Path) -> Path:
    grey = np.full((40, 48), 70, np.uint8)
    grey[:, 24:] = 180
    Image.fromarray(grey).save(path)
    return path


HINT = '[[hint]]\nx = 10\ny = 20\ncolor = "#c81e1e"\n'


def test_a_hint_colours_what_it_points_at(color: Program, tmp_path: Path) -> None:
    photo = make_halves(tmp_path / "a.png")
    (tmp_path / "hints.toml").write_text(HINT)
    assert color(photo, "-o", tmp_path / "without.png").exit_code == 0
    result = color(photo, "--hints", tmp_path / "hints.toml")
    output = tmp_path / "a.color.png"
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [str(output), "hints used: 1"]
    with_hint, without = colors(output), colors(tmp_path / "without.png")
    red = with_hint[:, :20, 0] - with_hint[:, :20, 1]
    assert red.min() > 40
    assert np.abs(with_hint - without)[:, 28:].max() <= 2
    luma = with_hint @ np.array([0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(luma[:, :24], 70, atol=0.51)
    again = tmp_path / "again.png"
    assert color(photo, "--hints", tmp_path / "hints.toml", "-o", again, "-q").stdout == ""
    assert again.read_bytes() == output.read_bytes()


def test_strength_scales_the_hints_too(color: Program, tmp_path: Path) -> None:
    photo = make_halves(tmp_path / "a.png")
    (tmp_path / "hints.toml").write_text(HINT)
    spread = []
    for strength in ("0", "0.5", "1"):
        arguments = ("--strength", strength, "--hints", tmp_path / "hints.toml", "--overwrite")
        assert color(photo, *arguments).exit_code == 0
        spread.append(np.ptp(colors(tmp_path / "a.color.png")[20, 10]))
    assert spread[0] == 0
    assert 0.3 * spread[2] < spread[1] < 0.7 * spread[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HINT.replace("10", "48"), "hint 1: x = 48 is outside the picture of 48×40 pixels"),
        (HINT.replace("#c81e1e", "red"), "color = 'red' is no colour"),
        ("", "lists no hint"),
    ],
)
def test_bad_hints_are_one_line(color: Program, tmp_path: Path, text: str, said: str) -> None:
    photo = make_photo(tmp_path / "a.png")
    (tmp_path / "hints.toml").write_text(text)
    result = color(photo, "--hints", tmp_path / "hints.toml")
    assert result.exit_code == 40
    assert said in error_line(result)
    assert not (tmp_path / "a.color.png").exists()


def test_hints_are_for_one_photo(color: Program, tmp_path: Path) -> None:
    photos = [make_photo(tmp_path / name) for name in ("a.png", "b.png")]
    (tmp_path / "hints.toml").write_text(HINT)
    result = color(*photos, "--hints", tmp_path / "hints.toml")
    assert result.exit_code == 40
    assert "is for one photo, not for 2" in error_line(result)


def test_hints_count_from_the_upright_picture(color: Program, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right: 40 wide, 48 high
    Image.fromarray(np.full((40, 48), 100, np.uint8)).save(tmp_path / "a.png", exif=exif)
    (tmp_path / "hints.toml").write_text('[[hint]]\nx = 5\ny = 47\ncolor = "#c81e1e"\n')
    assert color(tmp_path / "a.png", "--hints", tmp_path / "hints.toml").exit_code == 0
    assert size(tmp_path / "a.color.png") == (40, 48)
    assert np.ptp(colors(tmp_path / "a.color.png")[47, 5]) > 60


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 301), (57, 31)])
def test_hints_on_odd_sizes_in_16_bits(
    color: Program, tmp_path: Path, width: int, height: int
) -> None:
    grey = np.full((height, width), 25_000, np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    (tmp_path / "hints.csv").write_text("x;y;color\n0;0;#c81e1e\n")
    assert color(tmp_path / "a.png", "--hints", tmp_path / "hints.csv").exit_code == 0
    rgb = colors(tmp_path / "a.color.png")
    assert rgb[0, 0, 0] > rgb[0, 0, 1] + 60


def test_a_photo_says_where_its_colours_are_from(color: Program, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    assert color(photo, "-o", tmp_path / "b.jpg").exit_code == 0
    said = read_image(tmp_path / "b.jpg").xmp or b""
    assert SOURCE_TYPE.encode() in said
    assert b"0.1.0, network untrained sha256 " in said
    assert color(photo, "-o", tmp_path / "grey.jpg", "--strength", "0").exit_code == 0
    assert read_image(tmp_path / "grey.jpg").xmp is None
