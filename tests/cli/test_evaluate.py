"""``vidcolor evaluate`` as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.photographs.made import encoded, photograph
from tests.synthetic import make_film


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"photo-{seed}.png").write_bytes(encoded(photograph(seed, 64, 48)))
    return folder


@pytest.fixture
def color_film(tmp_path: Path) -> Path:
    film = {"frames": 10, "colorful": True, "codec": "ffv1", "width": 96, "height": 64}
    return make_film(tmp_path / "film.mkv", **film)  # type: ignore[arg-type]


def test_photographs(vidcolor: Program, tmp_path: Path, photos: Path, checkpoint: Path) -> None:
    folder = tmp_path / "report"
    options = ("--checkpoint", checkpoint, "--device", "cpu", "-o", folder)
    result = vidcolor("evaluate", "--photos", photos, *options)
    assert result.exit_code == 0, result.stderr
    for words in ("Protocol luma", "Protocol lab", "grey", "untrained", "oracle", "film-like"):
        assert words in result.stdout
    page = (folder / "evaluation.html").read_text()
    assert page.count("<figure>") == 4
    assert page.count("<svg") == 2
    assert "data:image/jpeg;base64," in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "")  # needs no other file
    figures = json.loads((folder / "evaluation.json").read_text())
    assert len(figures["pictures"]) == 4
    assert len(figures["checkpoints"]["untrained"]["sha256"]) == 64


def test_a_curve_over_vividness_as_json(vidcolor: Program, photos: Path, checkpoint: Path) -> None:
    options = ("--checkpoint", checkpoint, "--vividness", 0.5, "--vividness", 2)
    more = ("--protocol", "luma", "--most", 2, "--progress", "json")
    result = vidcolor("evaluate", "--photos", photos, *options, *more)
    assert result.exit_code == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0] == {"evaluate": {"stage": "measuring", "done": 1, "of": 4}}
    rows = [row["name"] for row in lines[-1]["result"]["tables"][0]["rows"]]
    assert rows[3:5] == ["untrained, vividness 0.5", "untrained, vividness 2"]


def test_a_film_coloured_here(
    vidcolor: Program, tmp_path: Path, color_film: Path, checkpoint: Path
) -> None:
    options = ("--checkpoint", checkpoint, "--smooth", 0, "-o", tmp_path / "report")
    result = vidcolor("evaluate", "--film", color_film, *options)
    assert result.exit_code == 0, result.stderr
    assert "CDC − truth" in result.stdout
    page = (tmp_path / "report" / "evaluation.html").read_text()
    assert page.count("<svg") == 3
    rows = json.loads((tmp_path / "report" / "evaluation.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["grey", "untrained", "truth"]
    assert rows[1]["measures"]["luma_change"] == 0


def test_a_film_coloured_elsewhere(vidcolor: Program, tmp_path: Path, color_film: Path) -> None:
    other = tmp_path / "theirs.mkv"
    other.write_bytes(color_film.read_bytes())
    result = vidcolor("evaluate", "--film", color_film, "--colored", other, "--progress", "json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])["result"]["rows"]
    assert [row["name"] for row in rows] == ["grey", "theirs.mkv", "truth"]


def test_a_checkpoint_beside_a_film_coloured_elsewhere(
    vidcolor: Program, tmp_path: Path, color_film: Path, checkpoint: Path
) -> None:
    other = tmp_path / "theirs.mkv"
    other.write_bytes(color_film.read_bytes())
    options = ("--colored", other, "--checkpoint", checkpoint, "--progress", "json")
    result = vidcolor("evaluate", "--film", color_film, *options)
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])["result"]["rows"]
    assert [row["name"] for row in rows] == ["grey", "theirs.mkv", "untrained", "truth"]


def test_two_runs_of_one_recipe(
    vidcolor: Program, tmp_path: Path, photos: Path, checkpoint: Path
) -> None:
    paths = [tmp_path / name / "unet.safetensors" for name in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(checkpoint.read_bytes())
    options = [part for path in paths for part in ("--checkpoint", path)]
    more = ("--protocol", "luma", "--progress", "json")
    result = vidcolor("evaluate", "--photos", photos, *options, *more)
    assert result.exit_code == 0, result.stderr
    table = json.loads(result.stdout.splitlines()[-1])["result"]["tables"][0]
    assert [row["name"] for row in table["rows"]][3:5] == [str(path) for path in paths]
    twice = ("--checkpoint", paths[0], "--checkpoint", paths[0])
    result = vidcolor("evaluate", "--photos", photos, *twice)
    assert result.exit_code == 40
    assert "would be the name of two rows" in result.stderr


def test_pictures_that_are_not_square_under_the_papers_protocol(
    vidcolor: Program, tmp_path: Path, photos: Path, checkpoint: Path
) -> None:
    folder = tmp_path / "report"
    options = ("--checkpoint", checkpoint, "--protocol", "lab", "-o", folder)
    result = vidcolor("evaluate", "--photos", photos, *options)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.html", "evaluation.json"]


def test_names_of_files_need_not_be_unicode(
    vidcolor: Program, tmp_path: Path, photos: Path, checkpoint: Path
) -> None:
    (photos / "photo-0.png").rename(photos / os.fsdecode(b"caf\xe9.png"))
    options = ("--checkpoint", checkpoint, "--protocol", "luma", "-o", tmp_path / "report")
    result = vidcolor("evaluate", "--photos", photos, *options)
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / "report").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 40, "either --photos DIR or --film FILE"),
        (("--photos", "p", "--film", "f"), 40, "either --photos DIR or --film FILE"),
        (("--photos", "p", "--colored", "c.mkv"), 40, "--colored goes with --film"),
        (("--photos", "p", "--smooth", "3"), 40, "--smooth goes with --film"),
        (("--film", "f", "--most", "3"), 40, "--most goes with --photos"),
        (("--film", "f", "--protocol", "lab"), 40, "--protocol goes with --photos"),
        (("--photos", "p", "--fid", "w", "--protocol", "luma"), 40, "--fid is measured with"),
        (("--photos", "no-such-folder"), 50, "no-such-folder is not a folder"),
        (("--film", "no-such-film.mkv"), 3, "no-such-film.mkv"),
        (("--photos", "p", "--checkpoint", "defualt"), 30, "defualt"),
        (("--photos", "p", "--vividness", "9"), 40, "vividness"),
        (("--photos", "p", "--lpips", "resnet.pth"), 40, "squeezenet1_1-….pth"),
        (("--photos", "p", "--fid", "no-such.pth"), 30, "no weights at no-such.pth"),
    ],
)
def test_mistakes_are_one_clear_line(
    vidcolor: Program, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = vidcolor("evaluate", *arguments)
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_curve_over_the_strength(vidcolor: Program, checkpoint: Path, photos: Path) -> None:
    options = ("--strength", "0", "--strength", "1", "--protocol", "luma", "--progress", "json")
    result = vidcolor("evaluate", "--photos", photos, "--checkpoint", checkpoint, *options)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])["result"]
    rows = {row["name"]: row for row in figures["tables"][0]["rows"]}
    plain, none = checkpoint.stem, f"{checkpoint.stem}, strength 0"
    values = [rows[name]["measures"]["colorfulness"]["value"] for name in (none, plain)]
    assert values[0] < 1 < values[1]
