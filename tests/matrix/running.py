"""Runs vidcolor on the sources of the matrix and judges what comes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from typer.testing import CliRunner

from tests.matrix.case import Case
from tests.matrix.comparing import differences
from tests.matrix.second_reader import Facts, read, subtitle_lines
from vidcolor.cli import app
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.filmnet import FilmNet
from vidcolor.models.input_rules import InputRules
from vidcolor.report_file import report_path

EXACT_PRESET = """\
description = "film, with both encoders lossless."

[encode]
container = "keep"
codec = "libx264"
options = { qp = "0", preset = "veryfast" }
codec_deep = "libx265"
options_deep = { preset = "ultrafast", "x265-params" = "lossless=1" }

[temporal]
radius = 1
"""
"""So that luma can be compared in the finished film, code by code."""


@dataclass(frozen=True)
class Outcome:
    """What happened to a source."""

    case: Case
    failures: tuple[str, ...]
    """What is neither kept nor as the case says; empty if all is."""
    notices: tuple[str, ...] = ()
    error: str = ""
    """The line with which it was refused."""

    @property
    def kind(self) -> str:
        """``kept``, ``changed`` (with a notice, or as documented), ``refused`` or ``FAILED``."""
        if self.failures:
            return "FAILED"
        if self.case.refused:
            return "refused"
        return "changed" if self.case.changes or self.case.documented else "kept"


@dataclass(frozen=True)
class Bench:
    """A small network and the lossless preset, in a folder."""

    checkpoint: Path
    preset: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Bench:
        """Write both."""
        torch.manual_seed(1)
        bench = cls(folder / "untrained.safetensors", folder / "exact.toml")
        rules = InputRules(short_side=64, multiple_of=32)
        save_checkpoint(bench.checkpoint, FilmNet(), name="untrained", licence="MIT", rules=rules)
        bench.preset.write_text(EXACT_PRESET)
        return bench

    def run(self, case: Case, folder: Path) -> Outcome:
        """Make the case's source in ``folder``, which is empty, colour and compare it."""
        source = case.make(folder)
        digest = _sha256(source)
        output = source.with_name(f"{source.stem}.color{case.to}")
        preset = str(self.preset) if case.preset == "exact" else case.preset
        command = ["run", str(source), "--preset", preset, "--checkpoint", str(self.checkpoint)]
        command += ["--progress", "json", *case.options]
        if case.options[:1] == ("-o",):
            output = folder / case.options[1]
            command[command.index("-o") + 1] = str(output)
        result = CliRunner().invoke(app, command, env={"COLUMNS": "400"})
        events = [json.loads(line) for line in result.stdout.splitlines()]
        summary: dict[str, Any] = next((e for e in events if e["event"] == "summary"), {})
        failures = []
        if _sha256(source) != digest:
            failures.append("the source was changed")
        wanted_code = case.refused[0] if case.refused else 0
        wanted_files = {source.name} if case.refused else {source.name, output.name}
        if case.preset == "archive" and not case.refused:
            wanted_files.add(report_path(output).name)
        error = result.stderr.strip().removeprefix("vidcolor: error: ")
        if result.exit_code != wanted_code:
            failures.append(f"exit code {result.exit_code}: {error or result.exception!r}")
        elif case.refused and (case.refused[1] not in error or "\n" in error):
            failures.append(f"another message: {error}")
        elif files := {path.name for path in folder.iterdir()} ^ wanted_files:
            failures.append(f"files left or missing: {sorted(files)}")
        elif not case.refused:
            failures += _judge(case, source, output, summary)
        return Outcome(case, tuple(failures), tuple(summary.get("notices", ())), error)


def _judge(case: Case, source: Path, output: Path, summary: dict[str, Any]) -> Iterator[str]:
    """What is neither the same in both nor announced."""
    before = read(source, case.film, case.unwrap)
    after = read(output, case.film if case.out_film is None else case.out_film)
    if summary["frames_in"] != len(before.film.times):
        yield f"{summary['frames_in']} frames were read, ffmpeg reads {len(before.film.times)}"
    if case.luma != "other" and summary["luma_identical"] != summary["frames_out"]:
        yield f"luma is identical in {summary['luma_identical']} frames only"
    if after.film.pix_fmt != case.pixels:
        yield f"pixel format {after.film.pix_fmt}"
    notices: list[str] = list(summary["notices"])
    claimed = set()
    found = set()
    for what, how in differences(
        before, after, film=case.film, luma=case.luma, dropped=case.dropped
    ):
        if what not in case.changes and what not in case.documented:
            yield f"{what}: {how}"
        found.add(what)
    for what in (*case.changes, *case.documented):
        if what not in found:
            yield f"{what} is the same, and should not be"
    for said in {*case.changes.values(), *case.told}:
        matching = {notice for notice in notices if said in notice}
        if not matching:
            yield f"no notice says {said!r}"
        claimed |= matching
    yield from (f"notice: {notice}" for notice in notices if notice not in claimed)
    yield from _converted_text_differences(case, source, output, after)


def _converted_text_differences(
    case: Case, source: Path, output: Path, after: Facts
) -> Iterator[str]:
    """Subtitles in another codec must say the same at the same times."""
    for what, said in case.changes.items():
        if "subtitles to" not in said:
            continue
        index = int(what.removeprefix("stream "))
        place = index - sum(dropped < index for dropped in case.dropped)
        lines = [subtitle_lines(source, index), subtitle_lines(output, place)]
        if lines[0] != lines[1] or not lines[0] or after.streams[place].kind != "subtitle":
            yield f"{what} says {lines[1]}, not {lines[0]}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
