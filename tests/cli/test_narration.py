"""What ``-v``, ``-vv`` and ``--log-file`` tell."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Program


def test_the_log_file_tells_what_was_done(color: Program, film: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    result = color("--log-file", log, film)
    assert (result.exit_code, result.stderr) == (0, "")
    assert color("--log-file", log, film).exit_code == 20
    text = log.read_text("utf-8")
    for said in (
        "INFO vidcolor.cli: preset film",
        '"radius":7',
        f"source {film}",
        "#1 audio: copied",
        "shots: 1",
        "DEBUG vidcolor.cli: stage network: ",
        f"wrote {film.with_name('old.color.mp4')}",
        "ERROR vidcolor.cli: ",
        "(exit code 20)",
    ):
        assert said in text


def test_verbose_tells_it_on_stderr(color: Program, film: Path) -> None:
    said = color("-vv", film).stderr
    assert f"vidcolor: info: source {film}" in said
    assert "vidcolor: debug: stage encode: " in said
    assert "stage" not in color("-v", film, "--overwrite").stderr
