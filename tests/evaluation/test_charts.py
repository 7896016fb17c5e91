from __future__ import annotations

import xml.etree.ElementTree as ET

from vidcolor.evaluation.charts import histogram, lines

SVG = "{http://www.w3.org/2000/svg}svg"


def test_a_histogram_is_svg_with_its_words() -> None:
    drawn = histogram({"grey": [1.0, 2.0, 2.5], "network": [0.5]}, "ΔE00")
    assert ET.fromstring(drawn).tag == SVG
    assert "<?xml" not in drawn
    assert histogram({"none": []}, "x").startswith("<svg")


def test_a_gap_in_a_line_is_a_gap() -> None:
    whole = lines([0, 1, 2, 3], {"a": [1.0, 2.0, 3.0, 4.0]}, "s", "y")
    broken = lines([0, 1, 2, 3], {"a": [1.0, None, 3.0, 4.0]}, "s", "y", marks=[1.5])
    assert ET.fromstring(broken).tag == SVG
    assert whole != broken


def test_the_same_figures_give_the_same_file() -> None:
    first, second = (lines([0, 1], {"a": [1.0, 2.0]}, "s", "y") for _ in range(2))
    assert first == second
