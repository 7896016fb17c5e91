"""How interlaced frames are coloured.

Note [Colours of fields]
    An interlaced frame holds two moments, and in 4:2:0 its chroma lines belong to the fields in
    turn, as its luma lines do. Where a film's frames are marked as interlaced, each field's chroma
    is therefore made from that field's luma alone. Where they have combs, marked or not, the
    network also sees each field by itself, made whole, and both are steadied as pictures in a row:
    a thing that moves has its colours where each field shows it. Without combs both fields show
    one moment, and get the same ab. Whether a frame has combs is seen from that frame alone, so
    that segments and batches change nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcolor.color import ChromaRenderer
from vidcolor.fields import has_combs, whole_from_field
from vidcolor.frames import FieldReport, Plane

AbPlanes = npt.NDArray[np.float32]
"""(2, h, w) CIE a* and b*."""


class FieldColors:
    """Treats the frames of one film as they are: whole, or as two fields.

    Parameters
    ----------
    fields:
        Of a film that is to be coloured by fields; None, or without an ``order``, all frames are
        whole.
    bit_depth:
        Of the source's luma.
    """

    def __init__(self, fields: FieldReport | None, bit_depth: int) -> None:
        self._order = None if fields is None else fields.order
        self._is_marked = fields is not None and fields.marked is not None
        self._bit_depth = bit_depth

    def moments(self, luma: Plane) -> list[Plane]:
        """What the network is to see: ``luma`` itself, or a whole picture of each field in the
        order of time."""
        if self._order is None or not has_combs(luma, self._bit_depth):
            return [luma]
        top, bottom = whole_from_field(luma, 0), whole_from_field(luma, 1)
        return [top, bottom] if self._order == "tff" else [bottom, top]

    def chroma(
        self, renderer: ChromaRenderer, luma: Plane, ab: AbPlanes, later: AbPlanes | None
    ) -> tuple[Plane, Plane]:
        """Cb and Cr codes.

        Parameters
        ----------
        luma:
            As the encoder gets it.
        ab:
            Of the frame, or of its earlier field.
        later:
            Of the later field, if it has its own.
        """
        if later is None and not (self._is_marked and self._order):
            return renderer.render(luma, ab)
        earlier_and_later = ab, (ab if later is None else later)
        top, bottom = earlier_and_later if self._order == "tff" else earlier_and_later[::-1]
        return renderer.render_fields(luma, top, bottom)
