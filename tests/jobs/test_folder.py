"""What is kept of an unfinished run."""

from __future__ import annotations

import errno
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from vidcolor.errors import JobBusyError, OutputFolderError, SourceChangedError, VerificationError
from vidcolor.jobs.folder import (
    LOCK,
    SAMPLED_BYTES,
    Job,
    delete_job,
    delete_leftovers,
    file_facts,
    find_jobs,
    fingerprint,
)
from vidcolor.media.segments import SegmentFolder, SegmentRecord

FACTS: dict[str, Any] = {"content": {"bytes": 3}, "settings": {"a": [1, 2]}}


def finish_segment(segments: SegmentFolder, frames: int = 5) -> None:
    """As if one had been encoded."""
    record = SegmentRecord(len(segments.finished), pts=list(range(frames)), sizes=[7])
    segments.packets_path(record).write_bytes(b"packets")
    segments.finish(record)


def stop(output: Path, error: BaseException, frames: int = 5) -> Job:
    """A run that ends with ``error`` after a segment."""
    job = Job("film.mkv", output, FACTS)
    with pytest.raises(type(error)):
        _finish_and_fail(job, error, frames)
    return job


def _finish_and_fail(job: Job, error: BaseException, frames: int) -> None:
    with job:
        finish_segment(job.segments, frames)
        raise error


def test_what_is_finished_is_kept_and_found(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    error = KeyboardInterrupt()
    job = stop(output, error)
    assert "5 coloured frames are kept" in error.__notes__[0]
    assert job.folder.name.startswith(".out.mkv.")
    again = stop(output, ArithmeticError())
    assert again.folder == job.folder
    assert len(again.segments.finished) == 2
    with Job("film.mkv", output, FACTS) as last:
        assert len(last.segments.finished) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [None, ArithmeticError()])
def test_without_a_finished_segment_nothing_is_left(
    tmp_path: Path, error: Exception | None
) -> None:
    try:
        with Job("film.mkv", tmp_path / "out.mkv", FACTS) as job:
            (job.folder / "000000.packets").write_bytes(b"half")
            if error:
                raise error
    except ArithmeticError:
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [VerificationError("x"), SourceChangedError("x")])
def test_work_that_is_wrong_is_not_kept(tmp_path: Path, error: Exception) -> None:
    stop(tmp_path / "out.mkv", error)
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize(
    ("output", "facts"),
    [("out.mkv", {**FACTS, "settings": {"a": [1, 3]}}), ("other.mkv", FACTS)],
)
def test_work_of_others_is_left_alone(tmp_path: Path, output: str, facts: dict[str, Any]) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    with Job("film.mkv", tmp_path / output, facts) as other:
        assert other.segments.finished == []
    assert list(tmp_path.iterdir()) == [job.folder]


def test_to_begin_anew(tmp_path: Path) -> None:
    stop(tmp_path / "out.mkv", ArithmeticError())
    with Job("film.mkv", tmp_path / "out.mkv", FACTS, resume=False) as job:
        assert job.segments.finished == []


def test_only_one_at_a_time(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with Job("film.mkv", output, FACTS) as job:
        finish_segment(job.segments)
        with pytest.raises(JobBusyError, match=r"film\.mkv"):
            Job("film.mkv", output, FACTS)
        with pytest.raises(JobBusyError):
            Job("film.mkv", output, FACTS, resume=False)
        (found,) = find_jobs(tmp_path)
        assert found.is_running
        with pytest.raises(JobBusyError):
            delete_job(found)
        assert len(SegmentFolder(job.folder, output).finished) == 1


def test_jobs_are_listed_and_deleted(tmp_path: Path) -> None:
    (tmp_path / ".git.0123456789ab.vidcolor.txt").mkdir()
    (tmp_path / "folder").mkdir()
    job = stop(tmp_path / "out.mkv", ArithmeticError(), frames=7)
    (found,) = find_jobs(tmp_path)
    assert (found.folder, found.source, found.frames) == (job.folder, "film.mkv", 7)
    assert found.output == str(tmp_path / "out.mkv")
    assert found.size_bytes > 7
    assert not found.is_running
    delete_job(found)
    assert find_jobs(tmp_path) == []
    assert not job.folder.exists()


def kill_at_the_end(output: Path, *, keep: bool = False) -> Job:
    """A run that is killed between the renaming and the deletion of its folder."""
    job = Job("film.mkv", output, FACTS, keep=keep)
    finish_segment(job.segments)
    finished = job.folder / "finished.part"
    finished.write_bytes(b"the film")
    job.note_finished(finished)
    finished.rename(output)
    job._lock.release()
    return job


@pytest.mark.parametrize("name", ["out.mkv", "n" * 250 + ".mkv"])
def test_what_a_run_left_of_an_output_that_it_made_is_deleted(tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    job = kill_at_the_end(output)
    other = stop(tmp_path / "other.mkv", ArithmeticError())
    (found,) = [each for each in find_jobs(tmp_path) if each.folder == job.folder]
    assert found.is_leftover
    assert found.is_made
    delete_leftovers(output)
    assert sorted(tmp_path.iterdir()) == sorted([output, other.folder])
    assert not job.folder.exists()


def test_kept_work_is_no_leftover(tmp_path: Path) -> None:
    kill_at_the_end(tmp_path / "out.mkv", keep=True)
    (found,) = find_jobs(tmp_path)
    assert (found.is_made, found.is_leftover) == (True, False)
    delete_leftovers(tmp_path / "out.mkv")
    assert find_jobs(tmp_path) == [found]


def test_work_is_no_leftover_unless_its_very_output_is_there(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    kill_at_the_end(output)
    output.unlink()
    assert not find_jobs(tmp_path)[0].is_made
    output.write_bytes(b"another")
    assert not find_jobs(tmp_path)[0].is_leftover
    delete_leftovers(output)
    assert len(find_jobs(tmp_path)) == 1


def test_a_leftover_that_somebody_works_on_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    job = kill_at_the_end(output)
    lock = FileLock(job.folder / LOCK)
    with lock:
        delete_leftovers(output)
    assert find_jobs(tmp_path)[0].frames == 5


def test_a_job_that_nobody_can_read_is_listed_too(tmp_path: Path) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    (job.folder / "job.json").write_text("[")
    for content in (json.dumps({"pts": 3}), '{"pts": [3], "state": 3}', "[" * 100_000):
        (job.folder / "000000.json").write_text(content)
        (job.folder / "made.json").write_text(content)
        (found,) = find_jobs(tmp_path)
        assert (found.source, found.is_complete, found.is_made) == ("?", False, False)


def test_a_link_is_no_job(tmp_path: Path) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    elsewhere = job.folder.rename(tmp_path / "elsewhere")
    job.folder.symlink_to(elsewhere)
    assert find_jobs(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match=r"out\.mkv"):
        Job("film.mkv", tmp_path / "missing" / "out.mkv", FACTS)


def test_a_lock_that_a_killed_run_left_is_no_obstacle(tmp_path: Path) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    assert (job.folder / LOCK).exists()
    with Job("film.mkv", tmp_path / "out.mkv", FACTS) as again:
        assert len(again.segments.finished) == 1


def test_long_and_odd_names(tmp_path: Path) -> None:
    for name in ("x" * 250 + ".mkv", "caf\udce9.mkv", "a\nb.mkv"):
        job = stop(tmp_path / name, ArithmeticError())
        assert [found.folder for found in find_jobs(tmp_path)] == [job.folder]
        with Job("film.mkv", tmp_path / name, FACTS):
            pass


def test_files_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(bytes(5 * SAMPLED_BYTES))
    before = file_facts(path)
    assert file_facts(path) == before
    for offset in (0, 2 * SAMPLED_BYTES + 5, 5 * SAMPLED_BYTES - 1):
        content = bytearray(5 * SAMPLED_BYTES)
        content[offset] = 1
        path.write_bytes(content)
        assert file_facts(path)["samples"] != before["samples"]
    (tmp_path / "empty").touch()
    assert file_facts(tmp_path / "empty")["bytes"] == 0


def test_the_fingerprint_is_of_everything() -> None:
    assert fingerprint(FACTS) == fingerprint(json.loads(json.dumps(FACTS)))
    assert fingerprint(FACTS) != fingerprint({**FACTS, "content": {"bytes": 4}})


def test_leftovers_of_a_killed_run_are_deleted(tmp_path: Path) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    (job.folder / ".out.mkv.12345678.part").write_bytes(b"joined")
    (job.folder / "000001.packets").write_bytes(b"half")
    (job.folder / "@eaDir").mkdir()
    (job.folder / "@eaDir" / "thumb").touch()
    with Job("film.mkv", tmp_path / "out.mkv", FACTS) as again:
        names = sorted(path.name for path in again.folder.iterdir())
        assert names == ["000000.json", "000000.packets", "job.json", LOCK]
        assert len(again.segments.finished) == 1
    assert list(tmp_path.iterdir()) == []


def test_begin_anew_and_clean_delete_folders_too(tmp_path: Path) -> None:
    for _ in range(2):
        job = stop(tmp_path / "out.mkv", ArithmeticError())
        (job.folder / "@eaDir").mkdir()
        (found,) = find_jobs(tmp_path)
        delete_job(found)
        assert list(tmp_path.iterdir()) == []
    job = stop(tmp_path / "out.mkv", ArithmeticError())
    (job.folder / "@eaDir").mkdir()
    with Job("film.mkv", tmp_path / "out.mkv", FACTS, resume=False) as anew:
        assert sorted(path.name for path in anew.folder.iterdir()) == ["job.json", LOCK]


def test_a_run_that_waited_for_a_deleted_folder_gets_a_new_one(tmp_path: Path) -> None:
    first = Job("film.mkv", tmp_path / "out.mkv", FACTS)
    got: list[Job] = []
    waiting = threading.Thread(
        target=lambda: got.append(Job("film.mkv", tmp_path / "out.mkv", FACTS))
    )
    waiting.start()
    time.sleep(0.2)
    with first:
        pass  # ends well: the folder is deleted
    waiting.join()
    (second,) = got
    assert (second.folder / LOCK).exists()
    with pytest.raises(JobBusyError):
        Job("film.mkv", tmp_path / "out.mkv", FACTS)
    with second:
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks"), NotImplementedError()])
def test_where_files_cannot_be_locked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("vidcolor.jobs.folder.FileLock.acquire", refuse)
    with Job("film.mkv", tmp_path / "out.mkv", FACTS) as job:
        finish_segment(job.segments)
        assert [found.is_running for found in find_jobs(tmp_path)] == [False]
    assert "cannot be locked" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_no_note_about_work_that_is_gone(tmp_path: Path) -> None:
    error = ArithmeticError()
    job = Job("film.mkv", tmp_path / "out.mkv", FACTS)

    def run() -> None:
        with job:
            finish_segment(job.segments)
            shutil.rmtree(job.folder)
            raise error

    with pytest.raises(ArithmeticError):
        run()
    assert not hasattr(error, "__notes__")


def test_a_folder_that_cannot_be_read_now_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stop(tmp_path / "out.mkv", ArithmeticError())

    def unreadable(_: SegmentFolder, number: int) -> SegmentRecord | None:
        raise errors[number]

    for error in (OSError(5, "Input/output error"), KeyboardInterrupt()):
        errors = [error]
        with monkeypatch.context() as patch:
            patch.setattr(SegmentFolder, "_read", unreadable)
            with pytest.raises((OutputFolderError, KeyboardInterrupt)):
                Job("film.mkv", tmp_path / "out.mkv", FACTS)
    with Job("film.mkv", tmp_path / "out.mkv", FACTS) as again:
        assert again.folder == job.folder
        assert len(again.segments.finished) == 1
