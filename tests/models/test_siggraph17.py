"""SIGGRAPH17 against its published description."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidcolor.models.siggraph17 import SIGGRAPH17

PUBLISHED_PARAMETERS = 34_187_027
"""Of ``siggraph17-df00044c.pth``, with the head of classes: layer by layer, and by file size."""


@pytest.fixture(scope="module")
def network() -> SIGGRAPH17:
    torch.manual_seed(17)
    return SIGGRAPH17().eval()


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published file."""
    widths = {1: (4, 64, 64), 2: (64, 128, 128), 3: (128, 256, 256, 256), 4: (256, *(512,) * 3)}
    widths |= dict.fromkeys((5, 6, 7), (512,) * 4)
    convolutions: dict[str, tuple[int, ...]] = {}
    norms: dict[str, int] = {}
    for stage, channels in widths.items():
        for i, (inputs, outputs) in enumerate(pairwise(channels)):
            convolutions[f"model{stage}.{2 * i}"] = (outputs, inputs, 3, 3)
        norms[f"model{stage}.{2 * (len(channels) - 1)}"] = channels[-1]
    convolutions |= {
        "model8up.0": (512, 256, 4, 4),
        "model3short8.0": (256, 256, 3, 3),
        "model8.1": (256, 256, 3, 3),
        "model8.3": (256, 256, 3, 3),
        "model9up.0": (256, 128, 4, 4),
        "model2short9.0": (128, 128, 3, 3),
        "model9.1": (128, 128, 3, 3),
        "model10up.0": (128, 128, 4, 4),
        "model1short10.0": (128, 64, 3, 3),
        "model10.1": (128, 128, 3, 3),
        "model_class.0": (529, 256, 1, 1),
        "model_out.0": (2, 128, 1, 1),
    }
    norms |= {"model8.5": 256, "model9.3": 128}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in convolutions.items():
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = (shape[1] if "up." in name else shape[0],)
    for name, width in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()
    return shapes


def test_names_and_shapes_are_the_published_ones(network: SIGGRAPH17) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert found == expected_shapes()
    assert network.num_parameters == PUBLISHED_PARAMETERS


class Published:
    """The published network by its description, from its tensors alone."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def parts(self, name: str) -> tuple[Tensor, Tensor]:
        return self.state[f"{name}.weight"], self.state[f"{name}.bias"]

    def conv(self, name: str, x: Tensor, dilation: int = 1) -> Tensor:
        return F.conv2d(x, *self.parts(name), padding=dilation, dilation=dilation)

    def norm(self, name: str, x: Tensor) -> Tensor:
        mean, variance = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, *self.parts(name))

    def stage(self, number: int, x: Tensor) -> Tensor:
        indices = (0, 2) if number <= 2 else (0, 2, 4)
        for i in indices:
            x = F.relu(self.conv(f"model{number}.{i}", x, 2 if number in (5, 6) else 1))
        return self.norm(f"model{number}.{indices[-1] + 2}", x)

    def up(self, name: str, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, *self.parts(name), stride=2, padding=1)

    def __call__(self, L: Tensor, ab: Tensor, mask: Tensor) -> Tensor:
        one = self.stage(1, torch.cat([(L - 50.0) / 100.0, ab / 110.0, mask], 1))
        two = self.stage(2, one[:, :, ::2, ::2])
        three = self.stage(3, two[:, :, ::2, ::2])
        x = three[:, :, ::2, ::2]
        for number in (4, 5, 6, 7):
            x = self.stage(number, x)
        x = F.relu(self.up("model8up.0", x) + self.conv("model3short8.0", three))
        x = F.relu(self.conv("model8.3", F.relu(self.conv("model8.1", x))))
        x = self.norm("model8.5", x)
        x = F.relu(self.up("model9up.0", x) + self.conv("model2short9.0", two))
        x = self.norm("model9.3", F.relu(self.conv("model9.1", x)))
        x = F.relu(self.up("model10up.0", x) + self.conv("model1short10.0", one))
        x = F.leaky_relu(self.conv("model10.1", x), 0.2)
        return torch.tanh(F.conv2d(x, *self.parts("model_out.0"))) * 110.0


def pictures(n: int = 2) -> Tensor:
    return F.interpolate(torch.rand(n, 1, 4, 6) * 100.0, size=(32, 48), mode="bilinear")


def test_computes_what_is_published(network: SIGGRAPH17) -> None:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():  # norms that do something
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.3, 0.9)
    mine = SIGGRAPH17().eval()
    mine.load_state_dict(state)
    published = Published(state)
    L = pictures()
    nothing = torch.zeros(2, 1, 32, 48)
    mask = (torch.rand(2, 1, 32, 48) < 0.05).float()
    ab = torch.rand(2, 2, 32, 48) * 100.0 - 50.0
    with torch.inference_mode():
        automatic = mine(L).ab
        hinted = mine(L, torch.cat([ab, mask], 1)).ab
        expected = published(L, nothing.expand(-1, 2, -1, -1), nothing)
        expected_hinted = published(L, ab * mask, mask)
    assert expected.std() > 1.0
    torch.testing.assert_close(automatic, expected, atol=2e-3, rtol=1e-4)
    torch.testing.assert_close(hinted, expected_hinted, atol=2e-3, rtol=1e-4)
    assert (hinted - automatic).abs().max() > 0.1


def test_only_hints_under_the_mask_count(network: SIGGRAPH17) -> None:
    L = pictures(1)
    hints = torch.zeros(1, 3, 32, 48)
    hints[:, :2] = 60.0
    with torch.inference_mode():
        assert torch.equal(network(L, hints).ab, network(L).ab)


def test_hints_that_do_not_fit_are_refused(network: SIGGRAPH17) -> None:
    with pytest.raises(ValueError, match=r"hints must be \(1, 3, 32, 48\)"):
        network(pictures(1), torch.zeros(1, 3, 16, 16))
