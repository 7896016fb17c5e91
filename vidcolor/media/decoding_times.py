"""When the packets of joined segments are decoded."""

from __future__ import annotations

from collections.abc import Iterator

from vidcolor.media.segments import SegmentRecord


def decoding_times(records: list[SegmentRecord]) -> Iterator[int]:
    """One for each packet of all segments in a row, rising, none after its presentation time.

    Encoders count them from each segment's own start, where they would lie before the end of
    the segment before. The n-th packet is decoded when the (n − d)-th frame is shown, d being
    the furthest that an encoder moved a packet ahead; the first d packets as much earlier as
    the first frames are apart, which is x264's rule.
    """
    shown = [pts for record in records for pts in record.pts]
    delay = max((_delay(record) for record in records), default=0)
    for index in range(len(shown)):
        if index >= delay:
            yield shown[index - delay]
        else:
            yield shown[index] - (shown[delay] - shown[0])


def _delay(record: SegmentRecord) -> int:
    place = {pts: index for index, pts in enumerate(record.pts)}
    return max(index - place[pts] for index, pts in enumerate(record.coded_pts))
