"""DDColor: our joining of spandrel's parts against spandrel's own."""

from __future__ import annotations

import sys
import threading

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidcolor.errors import MissingExtraError, SettingsError
from vidcolor.models import ddcolor, registry
from vidcolor.models.ddcolor import DDColor
from vidcolor.models.filmnet import gray_from_lightness


@pytest.fixture(scope="module")
def network() -> DDColor:
    torch.manual_seed(5)
    return DDColor().eval()


def pictures(n: int = 2, size: tuple[int, int] = (64, 96)) -> Tensor:
    return F.interpolate(torch.rand(n, 1, 4, 6) * 100.0, size=size, mode="bilinear")


def test_structure_is_the_published_one(network: DDColor) -> None:
    """55.0 million parameters, 100 queries, 3 scales, 9 layers."""
    assert network.num_parameters == 55_006_640
    names = network.state_dict().keys()
    roots = {name.split(".")[0] for name in names}
    assert roots == {"mean", "std", "encoder", "decoder", "refine_net"}
    assert {"refine_net.0.0.weight_orig", "refine_net.0.0.weight_u"} <= names
    assert not any("head_cls" in name for name in names)
    assert network.state_dict()["decoder.color_decoder.query_feat.weight"].shape == (100, 256)
    assert network.state_dict()["decoder.color_decoder.level_embed.weight"].shape == (3, 256)


def test_large_is_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    build = ddcolor._build

    def tiny_whatever_is_asked(encoder: str) -> object:
        asked.append(encoder)  # 900 MB of random numbers would prove nothing more
        return build("convnext-t")

    monkeypatch.setattr(ddcolor, "_build", tiny_whatever_is_asked)
    assert registry.create("ddcolor", {"size": "large"}).config() == {"size": "large"}
    assert asked == ["convnext-l"]
    with pytest.raises(SettingsError, match="tiny or large, not 'huge'"):
        registry.create("ddcolor", {"size": "huge"})


def test_computes_what_spandrel_does(network: DDColor) -> None:
    reference = ddcolor._build("convnext-t").eval()
    reference.load_state_dict(network.state_dict())
    L = pictures()
    gray = (gray_from_lightness(L) + 1.0) / 2.0
    with torch.inference_mode():
        found = network(L).ab
        expected = reference(gray.expand(-1, 3, -1, -1))
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_input_is_gray_between_0_and_1() -> None:
    """RGB of (L*, 0, 0), as the published weights want it."""
    L = torch.tensor([0.0, 53.389, 100.0]).reshape(1, 1, 1, 3)
    gray = (gray_from_lightness(L) + 1.0) / 2.0
    assert gray.flatten().tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-4)


def test_pictures_can_be_computed_side_by_side(network: DDColor) -> None:
    """On a CPU, threads share the network."""
    parts = pictures(6, (32, 64)).split(1)
    with torch.inference_mode():
        expected = [network(part).ab for part in parts]
    found: dict[int, Tensor] = {}

    def work(first: int) -> None:
        with torch.inference_mode():
            for index in range(first, len(parts), 3):
                found[index] = network(parts[index]).ab

    threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, ab in enumerate(expected):
        torch.testing.assert_close(found[index], ab, atol=1e-4, rtol=1e-4)


def test_ab_is_cut_off_far_outside_srgb(network: DDColor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_ab", lambda x: x.new_full((1, 2, 32, 32), -180.0))
    assert network(pictures(1, (32, 32))).ab.unique().tolist() == [-128.0]


def test_hints_are_refused(network: DDColor) -> None:
    with pytest.raises(ValueError, match="ddcolor"):
        network(torch.zeros(1, 1, 32, 32), torch.zeros(1, 3, 32, 32))


def test_without_spandrel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("spandrel_extra_arches")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    with pytest.raises(MissingExtraError, match=r"vidcolor\[peers\]"):
        registry.create("ddcolor")
