"""What the user sees when films are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.cli.console import clock, plain, report_grid, stdout
from vidcolor.cli.films import Job
from vidcolor.cli.session import exit_code
from vidcolor.errors import Interrupted

if TYPE_CHECKING:
    from vidcolor.report import RunReport


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one film went: exactly one of ``report`` and ``error`` is set."""

    job: Job
    report: RunReport | None = None
    error: Exception | None = None


def print_report(report: RunReport) -> None:
    """One screen about one film."""
    stdout().print(plain(report.output, "bold"), soft_wrap=True)
    report_grid(report_rows(report))


def report_rows(report: RunReport) -> Iterable[tuple[str, str]]:
    """(name, value) of each line of the summary; a name is empty when it repeats."""
    yield "frames", _frames(report)
    yield "luma", _luma(report)
    yield "checked", _checked(report)
    yield from _named("streams", [stream_line(stream) for stream in report.streams])
    yield "shots", str(report.shots)
    yield "network", _network(report)
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in report.stage_ms.items())
    yield "time", f"{clock(report.wall_s)}, {report.fps:.1f} fps"
    yield "ms/frame", f"{stages} (stages overlap)"
    if report.report_file is not None:
        yield "report", report.report_file
    yield from _named("notice", report.notices)


def _frames(report: RunReport) -> str:
    lost = report.undecodable_packets
    bad = f"; {lost} packets could not be decoded" if lost else ""
    size = f"{report.width}×{report.height}"
    done = report.frames_resumed
    before = f", {done} of them by an interrupted run" if done else ""
    return f"{report.frames_in} in, {report.frames_out} out{before}, {size} {report.codec}{bad}"


def _network(report: RunReport) -> str:
    counts = (
        (report.frames_repeated, "that repeat the one before"),
        (report.frames_carried, "that were coloured along motion"),
    )
    spared = " and ".join(f"{count} frames {which}" for count, which in counts if count)
    device = f"{report.checkpoint} on {report.device} ({report.precision}, {report.engine})"
    return f"{device}; spared {spared}" if spared else device


def _luma(report: RunReport) -> str:
    same, total = report.luma_identical, report.frames_out
    given = "as given to the encoder"
    if report.is_deinterlaced:
        given = "from the deinterlaced frames to the encoder"
    if same == total:
        return f"identical in all {total} frames, {given}"
    why = "; it was scaled or expanded to RGB, see the notices" if same == 0 else ""
    return f"identical in {same} of {total} frames, {given}{why}"


def _checked(report: RunReport) -> str:
    """What was found when the finished file was opened again."""
    found = report.verification
    parts = [f"times within {1000 * found.largest_pts_error_s:.3f} ms"]
    if found.frames_decoded:
        parts.append(f"luma of {found.luma_identical}/{found.frames_decoded} frames identical")
    if found.identical_audio_packets:
        parts.append(f"{found.identical_audio_packets} packets of sound identical")
    return ", ".join(parts)


def stream_line(stream: dict[str, Any]) -> str:
    """``#1 audio: copied`` with the reason, if there is one."""
    reason = f" ({stream['reason']})" if stream.get("reason") else ""
    action = {"color": "coloured", "copy": "copied", "convert": "converted", "drop": "DROPPED"}
    return f"#{stream['index']} {stream['kind']}: {action[stream['action']]}{reason}"


def _named(name: str, values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        yield name, value
        name = ""


def print_outcomes(outcomes: Sequence[Outcome], not_started: int) -> None:
    """A table of several films."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), pad_edge=False)
    table.add_column("film", overflow="fold")
    table.add_column("result", no_wrap=True)
    for heading in ("frames", "fps", "time"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        table.add_row(*_outcome_cells(outcome))
    stdout().print(table)
    colored = sum(outcome.error is None for outcome in outcomes)
    stopped = sum(isinstance(outcome.error, Interrupted) for outcome in outcomes)
    counts = [f"{colored} coloured", f"{len(outcomes) - colored - stopped} failed"]
    counts += [
        f"{n} {what}" for n, what in ((stopped, "stopped"), (not_started, "not started")) if n
    ]
    stdout().print(", ".join(counts))


def _outcome_cells(outcome: Outcome) -> list[Any]:
    name = plain(outcome.job.source)
    if outcome.report is None:
        assert outcome.error is not None
        if isinstance(outcome.error, Interrupted):
            return [name, plain("stopped", "yellow"), "", "", ""]
        return [name, plain(f"failed ({exit_code(outcome.error)})", "red"), "", "", ""]
    report = outcome.report
    cells = (str(report.frames_out), f"{report.fps:.1f}", clock(report.wall_s))
    return [name, plain("coloured", "green"), *map(plain, cells)]
