"""Copied packets keep in step with a picture whose clock was set back."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from vidcolor.media.clock import MOST_HELD_PACKETS, PacketClock

FILM, SOUND, TEXT = 0, 1, 2
KINDS = {FILM: "video", SOUND: "audio", TEXT: "subtitle"}


def packet(index: int, pts: int | None, dts: int | None = None, *, duration: int = 40) -> Any:
    """A packet with times in milliseconds."""
    return SimpleNamespace(
        stream_index=index,
        stream=SimpleNamespace(type=KINDS[index]),
        pts=pts,
        dts=pts if dts is None else dts,
        duration=duration,
        time_base=Fraction(1, 1000),
    )


def times(clock: PacketClock, *packets: Any) -> list[tuple[int, int | None]]:
    """(stream, pts) of all that comes out, without the film's own packets."""
    ready = [each for given in packets for each in clock.push(given)]
    ready += clock.flush()
    return [(each.stream_index, each.pts) for each in ready if each.stream_index != FILM]


@pytest.fixture
def clock() -> PacketClock:
    return PacketClock(FILM, Fraction(40, 1000))


def test_nothing_happens_while_time_runs_on(clock: PacketClock) -> None:
    given = [packet(FILM, 0), packet(SOUND, -21), packet(SOUND, 9000), packet(SOUND, 8500)]
    assert times(clock, *given) == [(SOUND, -21), (SOUND, 9000), (SOUND, 8500)]
    assert clock.jumps == 0


def test_sound_is_shifted_as_much_as_the_film(clock: PacketClock) -> None:
    first = [packet(FILM, 5000), packet(SOUND, 5010), packet(FILM, 9960), packet(SOUND, 9990)]
    second = [packet(FILM, 5000), packet(SOUND, 5010), packet(FILM, 9960), packet(SOUND, 9990)]
    third = [packet(FILM, 100), packet(SOUND, 110)]
    found = times(clock, *first, *second, *third)
    assert [pts for _, pts in found] == [5010, 9990, 10_010, 14_990, 15_010]
    assert clock.jumps == 2


def test_sound_before_its_picture_waits(clock: PacketClock) -> None:
    given = [packet(FILM, 9960), packet(SOUND, 9980), packet(SOUND, 30), packet(SOUND, 60)]
    assert [len(clock.push(each)) for each in given] == [1, 1, 0, 0]
    ready = clock.push(packet(FILM, 0))
    assert [each.pts for each in ready] == [10_030, 10_060, 0]


def test_late_sound_of_the_part_before(clock: PacketClock) -> None:
    given = [packet(FILM, 9960), packet(SOUND, 9960), packet(FILM, 0), packet(SOUND, 9980)]
    assert times(clock, *given, packet(SOUND, 10))[-2:] == [(SOUND, 9980), (SOUND, 10_010)]


def test_frames_out_of_order(clock: PacketClock) -> None:
    # The last packet is not the last frame; what counts is where the last frame ends.
    given = [packet(FILM, 5000, 4900), packet(FILM, 5080, 4940), packet(FILM, 5040, 4980)]
    assert times(clock, *given, packet(FILM, 80, 0), packet(TEXT, 100)) == [(TEXT, 5140)]


def test_rare_subtitles_follow_the_film(clock: PacketClock) -> None:
    given = [packet(FILM, 9960), packet(TEXT, 500), packet(FILM, 0), packet(TEXT, 2000)]
    assert times(clock, *given) == [(TEXT, 500), (TEXT, 12_000)]


def test_sound_that_is_set_back_alone(clock: PacketClock) -> None:
    given = [packet(FILM, 0), packet(SOUND, 8000), packet(SOUND, 1000), packet(SOUND, 1040)]
    assert times(clock, *given) == [(SOUND, 8000), (SOUND, 8040), (SOUND, 8080)]


def test_not_too_much_is_held(clock: PacketClock) -> None:
    clock.push(packet(FILM, 0))
    clock.push(packet(SOUND, 90_000))
    counts = [len(clock.push(packet(SOUND, 40 * n))) for n in range(MOST_HELD_PACKETS + 2)]
    assert counts == [*[0] * MOST_HELD_PACKETS, MOST_HELD_PACKETS + 1, 1]


def test_packets_without_times_pass(clock: PacketClock) -> None:
    assert times(clock, packet(SOUND, None)) == [(SOUND, None)]
