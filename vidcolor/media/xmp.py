"""The XMP packet of a photo: what the source's says and is still true, and where colours are from.

Note [Digital source type]
    IPTC's vocabulary says how a picture came into being. Ours are
    ``compositeWithTrainedAlgorithmicMedia``, "augmentation, correction or enhancement using a
    Generative AI model": brightness is the photograph's, colours come from a network trained on
    other photographs. ``algorithmicallyEnhanced`` is for what does not change the content, "such
    as sharpening or applying noise reduction"; colours that nobody has recorded are content.

    Source: http://cv.iptc.org/newscodes/digitalsourcetype/
"""

from __future__ import annotations

from collections.abc import Callable
from xml.dom import minidom
from xml.parsers.expat import ExpatError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
"""Namespace of the packet's frame."""

IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
"""Namespace of the IPTC Photo Metadata Standard, Extension schema."""

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""See Note [Digital source type]."""

MAX_BYTES = 2**20
"""A larger packet is not read."""

_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"

STALE = {
    _TIFF: {
        *("Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression"),
        *("PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration", "NativeDigest"),
        *("YCbCrSubSampling", "YCbCrPositioning", "YCbCrCoefficients", "ReferenceBlackWhite"),
        *("XResolution", "YResolution", "ResolutionUnit", "TransferFunction", "WhitePoint"),
        "PrimaryChromaticities",
    },
    _EXIF: {
        *("PixelXDimension", "PixelYDimension", "ColorSpace", "ComponentsConfiguration"),
        *("CompressedBitsPerPixel", "NativeDigest"),
    },
    "http://ns.adobe.com/xap/1.0/": {"Thumbnails"},
    "http://ns.adobe.com/photoshop/1.0/": {"ColorMode", "ICCProfile"},
    "http://purl.org/dc/elements/1.1/": {"format"},
    "http://purl.org/dc/terms/": {"provenance"},
    "http://ns.adobe.com/xmp/note/": {"HasExtendedXMP"},
}
"""Properties by namespace that describe how the source stores its pixels, or lead to what the
output has not: a thumbnail, further XMP, a signed manifest."""

STALE_NAMESPACES = ("http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.google.com/photos/1.0/")
"""Beginnings of namespaces that speak of further pictures in the source's file."""

OWN = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
"""Properties of `IPTC_EXTENSION` that are replaced."""

_WIDE = {
    **{b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le"},
    **{b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"},
}
# How packets in UTF-16 begin.

_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>'


def clean_packet(packet: bytes) -> bytes | None:
    """A source's packet without what is not true of the output; None if it cannot be read."""
    try:
        return _cleaned(packet)
    except RecursionError:  # minidom visits elements within elements by calls within calls
        return None


def _cleaned(packet: bytes) -> bytes | None:
    document = _parsed(packet)
    if document is None:
        return None
    for node in _descriptions(document):
        for name in list(node.attributes.keys()):
            attribute = node.attributes[name]
            if _is_stale(attribute.namespaceURI, attribute.localName):
                node.removeAttributeNode(attribute)
        _remove_children(node, lambda child: _is_stale(child.namespaceURI, child.localName))
    return _serialised(document)


def marked_packet(packet: bytes | None, system: str, version: str) -> bytes:
    """A packet that says where colours are from.

    Parameters
    ----------
    packet:
        From `clean_packet`; all else in it is kept.
    system, version:
        What made the colours: IPTC's "AI System Used" and "AI System Version Used".
    """
    document = None if packet is None else _parsed(packet)
    if document is None or not document.getElementsByTagNameNS(RDF, "RDF"):
        document = minidom.parseString(_EMPTY)
    frame = document.getElementsByTagNameNS(RDF, "RDF")[0]
    descriptions = _descriptions(document)
    for node in descriptions:
        for name in OWN:
            if node.hasAttributeNS(IPTC_EXTENSION, name):
                node.removeAttributeNS(IPTC_EXTENSION, name)
        _remove_children(node, lambda c: c.namespaceURI == IPTC_EXTENSION and c.localName in OWN)
    if descriptions:
        target = descriptions[0]
    else:
        target = document.createElementNS(RDF, "rdf:Description")
        target.setAttributeNS(RDF, "rdf:about", "")
        if frame.prefix != "rdf":
            target.setAttribute("xmlns:rdf", RDF)
        frame.appendChild(target)
    for name, value in zip(OWN, (SOURCE_TYPE, system, version), strict=True):
        element = document.createElementNS(IPTC_EXTENSION, f"Iptc4xmpExt:{name}")
        element.setAttribute("xmlns:Iptc4xmpExt", IPTC_EXTENSION)
        element.appendChild(document.createTextNode(value))
        target.appendChild(element)
    return _serialised(document)


def only_marks(packet: bytes) -> bytes | None:
    """What `marked_packet` has put into a packet, and nothing else; None if it has not."""
    document = _parsed(packet)
    if document is None:
        return None
    values = [
        "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))
        for description in _descriptions(document)[:1]
        for name in OWN
        for element in description.childNodes
        if (element.namespaceURI, element.localName) == (IPTC_EXTENSION, name)
    ]
    return marked_packet(None, values[1], values[2]) if len(values) == len(OWN) else None


def _parsed(packet: bytes) -> minidom.Document | None:
    # XMP needs no document type, whose entities can be blown up without end; UTF-16 has zeros.
    if len(packet) > MAX_BYTES or b"<!DOCTYPE" in packet.replace(b"\0", b""):
        return None
    try:
        return minidom.parseString(_text(packet))
    except (ExpatError, ValueError, LookupError):
        return None


def _text(packet: bytes) -> bytes | str:
    """Without what pads it, which in UTF-16 are pairs of bytes."""
    for begin, encoding in _WIDE.items():
        if packet.startswith(begin):
            return packet.decode(encoding).strip("\ufeff\0 \t\r\n")
    return packet.strip(b"\0 \t\r\n")


def _descriptions(document: minidom.Document) -> list[minidom.Element]:
    """What holds the properties; those of structures within them are left out."""
    return [
        node
        for node in document.getElementsByTagNameNS(RDF, "Description")
        if node.parentNode is not None and node.parentNode.localName == "RDF"
    ]


def _is_stale(namespace: str | None, name: str | None) -> bool:
    if namespace is None:
        return False
    return name in STALE.get(namespace, ()) or namespace.startswith(STALE_NAMESPACES)


def _remove_children(node: minidom.Element, is_wanted: Callable[[minidom.Element], bool]) -> None:
    for child in list(node.childNodes):
        if isinstance(child, minidom.Element) and is_wanted(child):
            node.removeChild(child)


def _serialised(document: minidom.Document) -> bytes:
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    assert document.documentElement is not None
    return f'{begin}{document.documentElement.toxml()}<?xpacket end="w"?>'.encode()
