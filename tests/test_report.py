"""What a run tells."""

from tests.synthetic import make_film
from vidcolor.config import load_preset, override
from vidcolor.media.probe import probe
from vidcolor.media.read_report import ReadReport
from vidcolor.report import expected_frames, read_notices


def test_expected_frames_of_a_part(tmp_path):
    info = probe(make_film(tmp_path / "film.mp4", frames=48))
    settings = load_preset("film")
    assert expected_frames(info, settings) == 48
    part = override(settings, {"start_s": 0.5, "duration_s": 1.0})
    assert expected_frames(info, part) == 24


def test_only_what_happened_is_noted():
    assert read_notices(ReadReport(frames=10)) == []
    notes = read_notices(ReadReport(frames=10, undecodable_packets=3, missing_s=1.5))
    assert notes == [
        "3 packets could not be decoded: their frames are missing, all others and the sound keep "
        "their times",
        "the source ends early: 1.50 s, 0 bytes are missing",
    ]
