from __future__ import annotations

from pathlib import Path

from tests.photographs.made import encoded, photograph
from vidcolor.photographs.files import MAX_FILE_BYTES, EncodedFile, source_of


def test_source_is_what_stands_before_the_hash() -> None:
    assert source_of("clothing-co-parsing-0123abcd.webp") == "clothing-co-parsing"
    assert source_of("holiday.jpg") == "holiday"


def test_a_file_that_is_gone_or_too_large_reads_as_nothing(tmp_path: Path) -> None:
    assert EncodedFile("a.png", tmp_path / "gone.png", 0, 10).read() == b""
    path = tmp_path / "large.png"
    path.write_bytes(encoded(photograph(0)))
    assert EncodedFile("large.png", path, 0, MAX_FILE_BYTES + 1).read() == b""
