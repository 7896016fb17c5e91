from __future__ import annotations

import math

import pytest

from vidcolor.errors import MissingExtraError
from vidcolor.models.extras import require


def test_what_is_there_is_imported() -> None:
    assert require("math", "zoo") is math


def test_what_is_missing_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"nowhere_at_all .*pip install 'vidcolor\[zoo\]'"):
        require("nowhere_at_all.part", "zoo")
