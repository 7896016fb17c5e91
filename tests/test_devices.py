"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from vidcolor.devices import (
    _torch_says,
    is_certainly_cpu,
    is_out_of_memory,
    pick_device,
    torch_version,
)
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


class TestCertainlyCpu:
    @pytest.fixture
    def no_driver(self, monkeypatch):
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr("vidcolor.devices._NVIDIA_DRIVERS", {"linux": "libnowhere.so.9"})

    @pytest.mark.usefixtures("no_driver")
    def test_without_any_driver(self):
        assert is_certainly_cpu("auto")

    def test_a_driver_may_mean_a_gpu(self, no_driver, monkeypatch):
        del no_driver
        monkeypatch.setattr("vidcolor.devices._can_be_loaded", lambda name: "nowhere" in name)
        assert not is_certainly_cpu("auto")

    @pytest.mark.usefixtures("no_driver")
    def test_amds_torch_may_know_another(self, monkeypatch):
        says = "__version__ = '2.15.0'\ncuda: Optional[str] = None\nhip: Optional[str] = '7.1'\n"
        for content in (says, ""):
            monkeypatch.setattr("vidcolor.devices._torch_says", lambda content=content: content)
            assert not is_certainly_cpu("auto")

    @pytest.mark.usefixtures("no_driver")
    def test_other_systems_are_torchs_to_know(self, monkeypatch):
        monkeypatch.setattr("sys.platform", "darwin")
        assert not is_certainly_cpu("auto")

    @pytest.mark.parametrize(
        ("wanted", "certain"), [("cpu", True), ("cuda:0", False), ("x", False)]
    )
    def test_a_device_that_was_named(self, wanted, certain):
        assert is_certainly_cpu(wanted) is certain

    def test_it_knows_torchs_version(self, monkeypatch):
        assert torch_version() == torch.__version__
        assert "hip" in _torch_says()
        monkeypatch.setattr("vidcolor.devices._torch_says", lambda: "")
        assert torch_version() == torch.__version__

    def test_it_agrees_with_torch(self):
        assert not is_certainly_cpu("auto") or pick_device("auto").type == "cpu"


@pytest.mark.parametrize(
    ("error", "says_so"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
)
def test_out_of_memory(error, says_so):
    assert is_out_of_memory(error) is says_so
