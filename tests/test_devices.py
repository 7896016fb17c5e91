"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from vidcolor.devices import pick_device
from vidcolor.errors import DeviceError


class TestDevice:
    def test_auto_finds_one(self):
        assert pick_device("auto").type in {"cpu", "cuda", "mps"}

    @pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:7"])
    def test_cuda_without_cuda_says_what_to_use(self, wanted, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(DeviceError, match=r"0 CUDA devices found; use --device auto or cpu"):
            pick_device(wanted)

    @pytest.mark.parametrize("wanted", ["gpu", "CPU!", "meta", ""])
    def test_other_names_list_what_is_allowed(self, wanted):
        with pytest.raises(DeviceError, match="use auto, cpu, cuda, cuda:N or mps"):
            pick_device(wanted)
