"""What a photo's XMP packet says after its colours were made."""

from __future__ import annotations

from xml.dom import minidom

import pytest

from vidcolor.media.xmp import (
    IPTC_EXTENSION,
    MAX_BYTES,
    OWN,
    SOURCE_TYPE,
    clean_packet,
    marked_packet,
    only_marks,
)

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    xmlns:my="http://example.com/mine/"
    tiff:Orientation="6" tiff:Make="Zeiss" dc:format="image/tiff" my:key="a &amp; b">
   <dc:creator><rdf:Seq><rdf:li>Erna Lendvai</rdf:li></rdf:Seq></dc:creator>
   <tiff:ImageWidth>4000</tiff:ImageWidth>
  </rdf:Description>
  <rdf:Description rdf:about="uuid:1" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    e:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/print">
   <e:Event>Weltausstellung</e:Event>
   <e:LocationCreated><rdf:Bag><rdf:li>
     <rdf:Description><e:City>Wien</e:City></rdf:Description>
   </rdf:li></rdf:Bag></e:LocationCreated>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def marks(packet: bytes) -> list[tuple[str, str]]:
    """Our properties, wherever they are."""
    document = minidom.parseString(packet)
    found = []
    for name in OWN:
        for element in document.getElementsByTagNameNS(IPTC_EXTENSION, name):
            found.append((name, element.firstChild.data))
        for node in document.getElementsByTagName("rdf:Description"):
            if node.hasAttributeNS(IPTC_EXTENSION, name):
                found.append((name, node.getAttributeNS(IPTC_EXTENSION, name)))
    return found


def expected(version: str = "0.1") -> list[tuple[str, str]]:
    return list(zip(OWN, (SOURCE_TYPE, "vidcolor", version), strict=True))


def test_a_packet_of_our_own() -> None:
    packet = marked_packet(None, "vidcolor", "0.1 & <more>")
    assert marks(packet) == expected("0.1 & <more>")
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert packet.endswith(b'<?xpacket end="w"?>')


def test_all_else_is_kept() -> None:
    cleaned = clean_packet(PACKET + b"\0" * 5)
    assert cleaned is not None
    for gone in (b"Orientation", b"ImageWidth", b"dc:format"):
        assert gone not in cleaned
    packet = marked_packet(cleaned, "vidcolor", "0.1")
    assert marks(packet) == expected()
    for kept in (
        *(b'tiff:Make="Zeiss"', b"<rdf:li>Erna Lendvai</rdf:li>", b"<e:City>Wien</e:City>"),
        *(b"<e:Event>Weltausstellung</e:Event>", b'my:key="a &amp; b"', b"XMP Core 6.0.0"),
        b'rdf:about="uuid:1"',
    ):
        assert packet.count(kept) == PACKET.count(kept)
    assert b"digitalsourcetype/print" not in packet
    # Coloured again, it is said once.
    assert marks(marked_packet(clean_packet(packet), "vidcolor", "0.2")) == expected("0.2")


def test_a_frame_without_properties() -> None:
    empty = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    assert marks(marked_packet(clean_packet(empty), "vidcolor", "0.1")) == expected()
    assert marks(marked_packet(b"<nothing/>", "vidcolor", "0.1")) == expected()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("padding", ["", "\0\0", " \n"])
def test_other_encodings(encoding: str, padding: str) -> None:
    text = PACKET.decode()
    beginnings = [text] if encoding == "utf-16" else [text, f"\ufeff{text}"]
    for beginning in beginnings:
        cleaned = clean_packet((beginning + padding).encode(encoding))
        assert cleaned == clean_packet(PACKET) is not None
        assert marks(marked_packet(cleaned, "vidcolor", "0.1")) == expected()


@pytest.mark.parametrize(
    "packet",
    [
        PACKET[:-200],
        b"",
        b"\xff\xfe\x00",
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'.encode("utf-16"),
        b"<a>" + b" " * MAX_BYTES + b"</a>",
        PACKET.replace(b"Wien", b"<a>" * 1500 + b"</a>" * 1500),
    ],
    ids=["cut off", "empty", "noise", "entities", "wide entities", "too large", "too deep"],
)
def test_what_cannot_be_read(packet: bytes) -> None:
    assert clean_packet(packet) is None


def test_where_there_is_little_room() -> None:
    small = only_marks(marked_packet(PACKET, "vidcolor", "0.1"))
    assert small is not None
    assert marks(small) == expected()
    assert b"Lendvai" not in small
    assert only_marks(PACKET) is None
    # Of a picture within the picture somebody may have said the same.
    inner = b"<rdf:Description><e:AISystemUsed>other</e:AISystemUsed></rdf:Description>"
    nested = PACKET.replace(b"<rdf:Description><e:City>Wien</e:City></rdf:Description>", inner)
    assert nested != PACKET
    assert only_marks(marked_packet(nested, "vidcolor", "0.1")) == small
    assert only_marks(b"<") is None
