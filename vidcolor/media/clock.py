"""Makes the times of copied packets run on where the source's clock was set back.

Note [One clock for picture and sound]
    Recordings glued together, and discs, set their clock back in the middle. The reader then
    shifts the picture's times so that the new part follows the old one by one frame, see Note
    [Times that cannot be right] in `vidcolor.media.timeline`. Everything else must be shifted by
    just as much, or sound would run away from its picture. So the film's packets are watched
    here as well; packets of sound that come before the film's first in the new part wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vidcolor.media.timeline import JUMP_BACK_S

MOST_HELD_PACKETS = 500
"""Packets that wait for the film to be set back as well; then they get a shift of their own."""

SPARSE_KINDS = frozenset({"subtitle", "data"})
"""Streams with too few packets to see a jump in; they belong to the part the film is in."""


@dataclass(slots=True)
class _Clock:
    """The clock of one stream."""

    part: int = 0
    """How often it was set back."""
    last: Fraction | None = None
    """Its last decoding time, as read."""
    end: Fraction = Fraction(0)
    """Where its last packet ends, as written."""
    own_shift: Fraction = Fraction(0)
    """Added beside the film's shift: jumps that the film did not make."""


class PacketClock:
    """Shifts packets of all streams by what the film's clock was set back.

    Parameters
    ----------
    film:
        Index of the film's stream.
    frame_s:
        How long a frame of it usually lasts, for packets that do not say.
    """

    def __init__(self, film: int, frame_s: Fraction) -> None:
        self._film = film
        self._frame_s = frame_s
        self._shifts = [Fraction(0)]  # of the film, part by part
        self._clocks: dict[int, _Clock] = {}
        self._held: list[Any] = []

    @property
    def jumps(self) -> int:
        """How often the film's clock was set back."""
        return len(self._shifts) - 1

    def push(self, packet: Any) -> list[Any]:
        """The packets that may now go on, ``packet`` in its turn, their times in place."""
        is_new = self._note(packet)
        if packet.stream_index == self._film:
            ready, self._held = (self._held, []) if is_new else ([], self._held)
            return [*(self._placed(each) for each in ready), packet]
        clock = self._clocks.get(packet.stream_index)
        if clock is not None and clock.part > self.jumps:
            self._held.append(packet)
            return self._give_up() if len(self._held) > MOST_HELD_PACKETS else []
        return [self._placed(packet)]

    def flush(self) -> list[Any]:
        """The packets that still wait, at the end of the file."""
        return self._give_up()

    def _note(self, packet: Any) -> bool:
        """Look at a packet's time; whether the film begins a new part with it."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        if ticks is None or packet.stream.type in SPARSE_KINDS:
            return False
        time = ticks * packet.time_base
        clock = self._clocks.setdefault(packet.stream_index, _Clock())
        is_new = clock.last is not None and clock.last - time > JUMP_BACK_S
        clock.last = time
        clock.part += is_new
        if packet.stream_index == self._film:
            shown = (ticks if packet.pts is None else packet.pts) * packet.time_base
            if is_new:
                self._shifts.append(clock.end - shown)
            length = packet.duration * packet.time_base if packet.duration else self._frame_s
            clock.end = max(clock.end, shown + self._shifts[-1] + length)
        return is_new

    def _placed(self, packet: Any) -> Any:
        clock = self._clocks.get(packet.stream_index)
        part = self.jumps if clock is None else min(clock.part, self.jumps)
        shift = self._shifts[part] + (clock.own_shift if clock is not None else 0)
        ticks = round(shift / packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks
        begin = packet.dts if packet.dts is not None else packet.pts
        if clock is not None and begin is not None:
            clock.end = max(clock.end, (begin + (packet.duration or 0)) * packet.time_base)
        return packet

    def _give_up(self) -> list[Any]:
        """Let waiting streams run on by themselves: the film was not set back with them."""
        ready, self._held = self._held, []
        for packet in ready:
            clock = self._clocks[packet.stream_index]
            if clock.part > self.jumps:
                ticks = packet.dts if packet.dts is not None else packet.pts
                clock.part = self.jumps
                begin = Fraction(0) if ticks is None else ticks * packet.time_base
                clock.own_shift = clock.end - begin - self._shifts[-1]
        return [self._placed(packet) for packet in ready]
