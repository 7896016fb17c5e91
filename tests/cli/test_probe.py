"""``vidcolor probe``."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from PIL import Image

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_fields, make_film
from vidcolor.cli.probe import color_line
from vidcolor.frames import ColorTags


def test_everything_is_said(vidcolor: Program, tmp_path: Path) -> None:
    film = make_film(
        tmp_path / "a.mkv",
        audio=1,
        subtitles="srt",
        chapters=True,
        sar=Fraction(2, 3),
        color=ColorTags(matrix=6, primaries=6, transfer=6, full_range=False),
        metadata={"title": "Winter"},
    )
    result = vidcolor("probe", film)
    assert (result.exit_code, result.stderr) == (0, "")
    for said in (
        "64×48 stored, 43×48 shown, sample aspect ratio 2:3",
        "yuv420p: 8 bit, 4:2:0, limited range",
        "matrix BT.601, primaries BT.601 525, transfer BT.601",
        "#1 audio aac",
        "#2 subtitle",
        "= Winter",
    ):
        assert said in result.stdout


def test_json_has_the_same_and_more(vidcolor: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", rate=25, audio=2)
    info = json.loads(vidcolor("probe", film, "--json").stdout)["info"]
    assert info["video"]["average_rate"] == "25"
    assert [stream["kind"] for stream in info["streams"]] == ["video", "audio", "audio"]
    assert info["size_bytes"] == film.stat().st_size


def test_a_hostile_title_does_not_reach_the_terminal(vidcolor: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", metadata={"title": "[red]\x1b[2Jgone"})
    result = vidcolor("probe", film)
    assert "\x1b" not in result.stdout
    assert "[red]" in result.stdout


def test_what_cannot_be_probed(vidcolor: Program, tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.mp4", 3), (tmp_path, 4), ("https://a.org/b.mp4", 8)):
        result = vidcolor("probe", path)
        assert result.exit_code == code
        assert error_line(result)


def test_a_photo_is_referred_to_the_command_for_photos(vidcolor: Program, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(photo)
    result = vidcolor("probe", photo)
    assert result.exit_code == 6
    assert "vidcolor image" in error_line(result)
    assert "photo" not in vidcolor("probe", "--help").stdout


def test_an_image_sequence(vidcolor: Program, tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a_0001.png")
    result = vidcolor("probe", tmp_path / "a_%04d.png")
    assert result.exit_code == 0, result.stderr
    assert "image sequence" in result.stdout


def test_a_guessed_tag_is_marked() -> None:
    tags = ColorTags(matrix=1, primaries=99, transfer=1, full_range=False, guessed=("matrix",))
    assert color_line(tags) == "matrix BT.709 (guessed), primaries code 99, transfer BT.709"


def test_fields_are_told(vidcolor: Program, tmp_path: Path) -> None:
    film = make_fields(tmp_path / "a.mkv", kind="pulldown", marked=False)
    said = " ".join(vidcolor("probe", film).stdout.split())
    assert "fields hard telecine, top field first (not marked as such; 6 of 15 frames" in said
    fields = json.loads(vidcolor("probe", film, "--json").stdout)["fields"]
    assert (fields["found"], fields["pulldown"], fields["marked"]) == ("tff", "hard", None)
    plain = make_film(tmp_path / "b.mkv")
    assert "fields progressive" in " ".join(vidcolor("probe", plain).stdout.split())


def test_probing_does_not_load_torch(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4")
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from vidcolor.cli import app\n"
        f"assert CliRunner().invoke(app, ['probe', {str(film)!r}]).exit_code == 0\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
