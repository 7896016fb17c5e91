"""Which films are meant, and where their outputs go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.synthetic import make_film
from vidcolor.cli.films import (
    Job,
    UnfinishedFiles,
    check_film,
    check_rate,
    check_spares_inputs,
    find_films,
    plan_jobs,
    settle_output,
)
from vidcolor.config import RunSettings
from vidcolor.errors import (
    InputIsDirectoryError,
    InputNotFoundError,
    OutputFolderError,
    OutputIsInputError,
    SettingsError,
)
from vidcolor.media.atomic import AtomicFile
from vidcolor.media.output import plan_any
from vidcolor.media.probe import probe
from vidcolor.media.sequence_writer import SequenceWriter
from vidcolor.media.writer import FilmWriter


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_means_the_films_in_it(tmp_path: Path) -> None:
    wanted = [tmp_path / "a.mp4", tmp_path / "b.MKV"]
    others = ("a.color.mp4", "notes.txt", ".hidden.mp4", "sub/c.mp4", ".a.color.mp4.part")
    touch(*wanted, *(tmp_path / name for name in others))
    (tmp_path / "folder.mp4").mkdir()
    assert find_films([str(tmp_path)]) == [str(path) for path in wanted]


def test_a_named_file_is_taken_as_it_is(tmp_path: Path) -> None:
    named = ["https://example.org/a.mp4", str(tmp_path / "a.color.mp4"), "scan_%06d.tif", ""]
    assert find_films(named) == named


def test_a_folder_without_films(tmp_path: Path) -> None:
    with pytest.raises(InputIsDirectoryError, match=r"no film in the folder .*--rate 24"):
        find_films([str(tmp_path)])


def test_where_outputs_go(tmp_path: Path) -> None:
    films = ["x/a.mp4", "y/b.avi"]
    assert plan_jobs(films, None) == [Job(films[0]), Job(films[1])]
    assert plan_jobs(films, str(tmp_path)) == [Job(film, folder=tmp_path) for film in films]
    assert plan_jobs(["a.mp4"], "out.mkv") == [Job("a.mp4", file=Path("out.mkv"))]
    assert plan_jobs(["a.mp4"], str(tmp_path)) == [Job("a.mp4", folder=tmp_path)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_folder_that_is_not_there(tmp_path: Path, count: int) -> None:
    films = ["a.mp4", "b.mp4"][:count]
    with pytest.raises(OutputFolderError, match="make it first"):
        plan_jobs(films, f"{tmp_path}/none/")


def test_several_films_cannot_share_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match="there is no folder"):
        plan_jobs(["a.mp4", "b.mp4"], str(tmp_path / "out.mkv"))


def test_an_output_of_ones_own_is_taken_as_it_is() -> None:
    assert settle_output(Job("none.mp4", file=Path("x.mov")), RunSettings()) == Path("x.mov")


def test_outputs_are_named_after_what_the_film_is(tmp_path: Path) -> None:
    mp4 = make_film(tmp_path / "a.mp4", frames=2)
    disguised = make_film(tmp_path / "b.mkv", frames=2).rename(tmp_path / "b.mp4")
    folder = tmp_path / "out"
    settings = RunSettings()
    assert settle_output(Job(str(mp4)), settings) == tmp_path / "a.color.mp4"
    assert settle_output(Job(str(disguised)), settings) == tmp_path / "b.color.mkv"
    assert settle_output(Job(str(mp4), folder=folder), settings) == folder / "a.color.mp4"
    assert settle_output(Job("x/scan_%06d.tif"), settings).parent == Path("x")


def test_a_bad_argument_among_several_is_left_to_fail_in_its_turn(tmp_path: Path) -> None:
    films, empty = tmp_path / "films", tmp_path / "empty"
    touch(films / "a.mp4")
    empty.mkdir()
    assert find_films([str(empty), str(films)]) == [str(empty), str(films / "a.mp4")]
    with pytest.raises(InputIsDirectoryError, match="no film in the folder"):
        check_film(str(empty))


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read every folder
    with pytest.raises(InputNotFoundError, match=r"cannot be read: Permission denied"):
        find_films([str(tmp_path)])


def test_an_output_that_is_an_input(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "b.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    sources = [str(tmp_path / "a.mp4"), "https://example.org/b.mp4", "none.mp4"]
    check_spares_inputs(tmp_path / "b.mp4", sources)
    check_spares_inputs(tmp_path / "none.mp4", sources)
    with pytest.raises(OutputIsInputError, match=r"link\.mp4 is also an input"):
        check_spares_inputs(tmp_path / "link.mp4", sources)


def test_rate_is_for_image_sequences() -> None:
    check_rate(["a.mp4"], None)
    check_rate(["scan_%06d.tif"], "24")
    with pytest.raises(SettingsError, match=r"'a\.mp4' is not one: .*leave --rate away"):
        check_rate(["scan_%06d.tif", "a.mp4"], "24")


def test_unfinished_files_are_only_those_of_this_run(tmp_path: Path) -> None:
    output = tmp_path / "a.color.mp4"
    older = tmp_path / ".a.color.mp4.00000000.part"
    touch(older)
    unfinished = UnfinishedFiles(output)
    ours = [tmp_path / ".a.color.mp4.12345678.part", tmp_path / ".a.color.mp4.abcdef00.part"]
    touch(ours[0], ours[1] / "frame_000001.tif")
    others = (
        ".b.color.mp4.12345678.part",
        ".a.color.mp4.mkv.12345678.part",  # of an output whose name begins alike
        ".a.color.mp4.1234567.part",
        ".a.color.mp4.1234567G.part",
        ".a.color.mp4.12345678.part.old",
    )
    kept = [older, output, *(tmp_path / name for name in others)]
    touch(*kept)
    unfinished.delete()
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_the_unfinished_pictures_of_a_sequence_are_a_folder(tmp_path: Path) -> None:
    unfinished = UnfinishedFiles(tmp_path / "out_%06d.tif")
    touch(tmp_path / ".out_06d.12345678.part" / "out_000001.tif")
    unfinished.delete()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.color.mp4", "100%.mp4", "[x].mkv", "ü" * 125 + ".mp4"])
def test_the_unfinished_file_is_the_one_that_is_really_made(tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    unfinished = UnfinishedFiles(output)
    file = AtomicFile(output)
    assert file.temp.exists()
    unfinished.delete()
    assert not file.temp.exists()


def test_the_unfinished_folder_is_the_one_that_is_really_made(tmp_path: Path) -> None:
    output = tmp_path / f"{'long' * 30}_%04d.png"
    info = probe(make_film(tmp_path / "a.mp4", frames=2))
    unfinished = UnfinishedFiles(output)
    target = plan_any(info, RunSettings(), output).target
    writer = SequenceWriter(info, output, target)
    assert writer.temp_path.exists()
    unfinished.delete()
    assert not writer.temp_path.exists()


def test_the_unfinished_film_is_the_one_that_is_really_made(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", frames=2)
    info, output = probe(film), tmp_path / "out.mkv"
    unfinished = UnfinishedFiles(output)
    plan = plan_any(info, RunSettings(), output)
    with FilmWriter(info, output, plan):
        assert len(list(tmp_path.iterdir())) == 2
        unfinished.delete()
        assert list(tmp_path.iterdir()) == [film]


def test_unfinished_files_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    UnfinishedFiles(tmp_path / "none" / "a.mp4").delete()
    assert not (tmp_path / "none").exists()
