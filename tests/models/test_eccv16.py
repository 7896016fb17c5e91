"""ECCV16 against its published description; for Caffe's see test_caffemodel.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidcolor.models import bins
from vidcolor.models.eccv16 import ECCV16

PUBLISHED_PARAMETERS = 32_236_011
"""Of ``colorization_release_v2-9b330a0b.pth``: layer by layer, and by the size of that file."""


@pytest.fixture(scope="module")
def network() -> ECCV16:
    torch.manual_seed(16)
    return ECCV16().eval()


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published file."""
    convolutions: dict[str, tuple[int, ...]] = {
        "model1.0": (64, 1, 3, 3),
        "model1.2": (64, 64, 3, 3),
        "model2.0": (128, 64, 3, 3),
        "model2.2": (128, 128, 3, 3),
        "model3.0": (256, 128, 3, 3),
        "model3.2": (256, 256, 3, 3),
        "model3.4": (256, 256, 3, 3),
        "model4.0": (512, 256, 3, 3),
        "model4.2": (512, 512, 3, 3),
        "model4.4": (512, 512, 3, 3),
        **{f"model{k}.{i}": (512, 512, 3, 3) for k in (5, 6, 7) for i in (0, 2, 4)},
        "model8.0": (512, 256, 4, 4),
        "model8.2": (256, 256, 3, 3),
        "model8.4": (256, 256, 3, 3),
        "model8.6": (313, 256, 1, 1),
    }
    shapes = {f"{name}.weight": shape for name, shape in convolutions.items()}
    shapes |= {f"{name}.bias": (shape[0],) for name, shape in convolutions.items()}
    shapes["model8.0.bias"] = (256,)  # transposed: outputs come second
    norms = {"model1.4": 64, "model2.4": 128, "model3.6": 256}
    norms |= {f"model{k}.6": 512 for k in (4, 5, 6, 7)}
    for name, width in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()
    shapes["model_out.weight"] = (2, 313, 1, 1)
    return shapes


def test_names_and_shapes_are_the_published_ones(network: ECCV16) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert found == expected_shapes()
    assert network.num_parameters == PUBLISHED_PARAMETERS


def published_forward(state: dict[str, Tensor], L: Tensor) -> Tensor:
    """The published network by its description, from its tensors alone, at stride 4."""
    x = (L - 50.0) / 100.0
    for stage in range(1, 8):
        dilation = 2 if stage in (5, 6) else 1
        indices = (0, 2) if stage <= 2 else (0, 2, 4)
        for i in indices:
            stride = 2 if stage <= 3 and i == indices[-1] else 1
            weight, bias = state[f"model{stage}.{i}.weight"], state[f"model{stage}.{i}.bias"]
            x = F.conv2d(x, weight, bias, stride=stride, padding=dilation, dilation=dilation)
            x = F.relu(x)
        norm = f"model{stage}.{indices[-1] + 2}"
        parts = (state[f"{norm}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        x = F.batch_norm(x, *parts)
    x = F.conv_transpose2d(x, state["model8.0.weight"], state["model8.0.bias"], 2, 1)
    for i in (2, 4):
        x = F.conv2d(F.relu(x), state[f"model8.{i}.weight"], state[f"model8.{i}.bias"], padding=1)
    x = F.conv2d(F.relu(x), state["model8.6.weight"], state["model8.6.bias"])
    return F.conv2d(torch.softmax(x, 1), state["model_out.weight"]) * 110.0


def test_computes_what_is_published(network: ECCV16) -> None:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():  # norms that do something
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.3, 0.9)
    mine = ECCV16().eval()
    mine.load_state_dict(state)
    L = F.interpolate(torch.rand(2, 1, 4, 6) * 100.0, size=(64, 96), mode="bilinear")
    with torch.inference_mode():
        prediction = mine(L)
        expected = published_forward(state, L)
    torch.testing.assert_close(prediction.ab, expected, atol=1e-3, rtol=1e-4)
    assert prediction.ab.shape == (2, 2, 16, 24)
    assert prediction.logits is not None
    assert prediction.logits.shape == (2, 313, 16, 24)
    # Plain softmax over the logits, since the weights hold the temperature.
    decoded = bins.decode(prediction.logits, 1.0)
    torch.testing.assert_close(decoded, prediction.ab, atol=1e-3, rtol=1e-4)


def test_hints_are_refused(network: ECCV16) -> None:
    with pytest.raises(ValueError, match="eccv16"):
        network(torch.zeros(1, 1, 16, 16), torch.zeros(1, 3, 16, 16))


def test_colors_of_the_classes_do_not_learn() -> None:
    network = ECCV16()
    prediction = network(torch.rand(1, 1, 32, 32) * 100.0)
    assert prediction.logits is not None
    (prediction.ab.square().mean() + prediction.logits.square().mean()).backward()
    assert network.model_out.weight.grad is None
    assert network.model1[0].weight.grad.abs().sum() > 0
