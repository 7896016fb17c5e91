from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from vidcolor.errors import DamagedCheckpointError
from vidcolor.models.vgg16 import TAPS, VGG16, WIDTHS


@pytest.fixture(scope="module")
def reference() -> torch.nn.Module:
    return torchvision.models.vgg16(weights=None).features.eval()


def test_backbone_is_torchvisions(reference: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "vgg16.safetensors"
    save_file({f"features.{k}": v.contiguous() for k, v in reference.state_dict().items()}, path)
    network = VGG16().eval()
    network.load_imagenet_backbone(path)
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = reference[: TAPS[-1] + 1](x)
        assert torch.equal(network.backbone(x), expected)
    assert expected.shape == (1, WIDTHS[-1], 2, 3)


def test_the_backbone_sees_lightness_as_imagenet_was_normalised() -> None:
    network = VGG16().eval()
    seen = []
    network.backbone[0].register_forward_pre_hook(lambda _module, x: seen.append(x[0]))
    with torch.no_grad():
        network(torch.full((1, 1, 16, 16), 40.0))
    expected = [(0.4 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.4 - 0.406) / 0.225]
    assert seen[0][0, :, 3, 5].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_backbone_begins_as_torchvisions(reference: torch.nn.Module) -> None:
    torch.manual_seed(1)
    for own, theirs in zip(VGG16().backbone, reference, strict=False):
        if isinstance(own, torch.nn.Conv2d):
            spread, expected = own.weight.std().item(), theirs.weight.std().item()
            assert spread == pytest.approx(expected, rel=0.1)
            assert not own.bias.any()


def test_skips_reach_the_output(reference: torch.nn.Module) -> None:
    network = VGG16().eval()
    channels = {tap: reference[tap - 1].out_channels for tap in TAPS}
    assert tuple(channels.values()) == WIDTHS
    assert [level[0].in_channels for level in network.up] == [1024, 768, 384]


def test_parameters() -> None:
    backbone = sum(
        9 * i * o + o
        for i, o in ((3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256))
        + ((256, 512),)
        + 5 * ((512, 512),)
    )
    levels = sum(9 * i * o + 2 * o for i, o in ((1024, 512), (768, 256), (384, 128)))
    assert VGG16().num_parameters == backbone + levels + 9 * 128 * 2 + 2


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 1, 3, 3)}, path)
    with pytest.raises(DamagedCheckpointError, match=r"features\.0\.bias.*torchvision's vgg16"):
        VGG16().load_imagenet_backbone(path)
