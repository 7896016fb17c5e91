from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vidcolor.errors import DamagedCheckpointError
from vidcolor.models.fusion import EMBEDDING, WHITE, Fusion, pad_to_square


@pytest.fixture(scope="module")
def network() -> Fusion:
    torch.manual_seed(1)
    return Fusion().eval()


@pytest.mark.parametrize(
    ("shape", "inner"), [((30, 60), (50, 100)), ((60, 30), (100, 50)), ((200, 200), (100, 100))]
)
def test_padding_keeps_the_aspect_and_is_white(shape: tuple[int, int], inner: tuple[int, int]):
    square = pad_to_square(torch.full((1, 1, *shape), 20.0), 100)
    assert square.shape == (1, 1, 100, 100)
    picture = (square - 20).abs() < 1e-3
    assert (int(picture[0, 0].any(1).sum()), int(picture[0, 0].any(0).sum())) == inner
    assert (square[~picture] == WHITE).all()


def test_layers_are_the_papers(network: Fusion) -> None:
    convolutions = [layer for layer in network.encoder if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 128, 128, 256, 256, 512, 512, 256]
    assert [c.stride[0] for c in convolutions] == [2, 1, 2, 1, 2, 1, 1, 1]
    assert network.fuse[0].in_channels == 1257
    widths = (1, 64, 128, 128, 256, 256, 512, 512, 256)
    decoder = (256, 128, 64, 64, 32, 2)
    expected = sum(9 * i * o + o for w in (widths, decoder) for i, o in itertools.pairwise(w)) + (
        1257 * 256 + 256
    )
    learnt = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert learnt == expected


def test_the_embedding_has_the_background_in_front(network: Fusion) -> None:
    seen = []
    hook = network.extractor.register_forward_pre_hook(lambda _module, x: seen.append(x[0]))
    embedding = network.embed(torch.rand(1, 1, 64, 96) * 100)
    hook.remove()
    assert seen[0].shape == (1, 3, 299, 299)
    assert seen[0].min() >= -1
    assert (seen[0][..., 0, :] == 1).all()  # white, in the range that timm's weights expect
    assert embedding.shape == (1, EMBEDDING)
    assert embedding[0, 0] == 0
    assert embedding[0, 1:].std() > 0


def test_the_extractor_is_never_trained(network: Fusion) -> None:
    network.train()
    assert not any(module.training for module in network.extractor.modules())
    assert not any(p.requires_grad for p in network.extractor.parameters())
    assert network.encoder.training
    network.eval()


def test_the_extractor_is_filled_under_timms_names(tmp_path: Path) -> None:
    network = Fusion()
    stored = {
        name: torch.rand_like(t.float()) for name, t in network.extractor.state_dict().items()
    }
    stored = {name: t for name, t in stored.items() if not name.endswith("num_batches_tracked")}
    path = tmp_path / "inception_resnet_v2.safetensors"
    save_file(stored, path)
    network.load_imagenet_backbone(path)
    filled = network.extractor.state_dict()
    assert all(torch.equal(filled[name], tensor) for name, tensor in stored.items())

    del stored["classif.weight"]
    save_file(stored, path)
    with pytest.raises(DamagedCheckpointError, match=r"classif\.weight.*inception_resnet_v2"):
        network.load_imagenet_backbone(path)
