"""What every registered network must do, whatever it is made of."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vidcolor.models import (
    ColorNetwork,
    architectures,
    create,
    load_checkpoint,
    prepare_for_inference,
    save_checkpoint,
)

BLOCKING = 2e-3
"""Relative to the spread of ab. Convolutions choose their algorithm, and so the order of their
float32 sums, by batch size and memory format."""

BFLOAT16_MEAN = 0.1
"""Mean error relative to the spread of ab: bfloat16 keeps 8 bits, some 60 layers deep."""

FLOAT16_WEIGHTS = 2e-2
"""Largest error relative to the spread of ab when weights are rounded to float16's 11 bits."""


FROZEN = {
    "ddcolor": ("encoder.arch.norm.",),
    "eccv16": ("model_out.",),
    "fusion": ("extractor.",),
    "siggraph17": ("model_class.",),
}
"""Beginnings of the names of parameters that do not learn, by architecture: in published weights,
and either given (the colours of the classes) or without a part in predicting."""

SMALLEST_UNIT = 32
"""Pixels; on smaller pictures the zero padding of dilated convolutions drowns the picture."""


@pytest.fixture(params=architectures(), scope="module")
def network(request: pytest.FixtureRequest) -> ColorNetwork:
    """Shared by the tests of one architecture, which must not change it."""
    torch.manual_seed(7)
    return create(request.param).eval()


def picture(network: ColorNetwork, n: int = 2, height: int = 2, width: int = 3) -> Tensor:
    """Smooth random L*, sides in units that suit the network and are not tiny."""
    needed = network.rules.multiple_of
    unit = needed * -(-SMALLEST_UNIT // needed)
    if unit >= 256:
        height, width = min(height, 1), min(width, 2)
    coarse = torch.rand(n, 1, 2 * height, 2 * width) * 100.0
    size = (unit * height, unit * width)
    return torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")


def predict(network: ColorNetwork, L: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(L).ab


def relative_error(found: Tensor, expected: Tensor) -> Tensor:
    """|difference| in units of the standard deviation of ``expected``."""
    return (found - expected).abs() / expected.std()


def test_names_itself(network: ColorNetwork) -> None:
    assert network.architecture in architectures()
    assert network.version >= 1
    assert network.rules.multiple_of % network.stride == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 4)])
def test_shapes_and_range(network: ColorNetwork, size: tuple[int, int]) -> None:
    height, width = size
    L = picture(network, 2, height, width)
    with torch.inference_mode():
        prediction = network(L)
    cells = (L.shape[2] // network.stride, L.shape[3] // network.stride)
    assert prediction.ab.shape == (2, 2, *cells)
    assert prediction.ab.dtype == torch.float32
    assert prediction.ab.abs().max() <= 128.0
    if prediction.logits is not None:
        assert prediction.logits.shape[0] == 2
        assert prediction.logits.shape[2:] == cells


@pytest.mark.parametrize("lightness", [0.0, 50.0, 100.0])
def test_flat_pictures_give_finite_colors(network: ColorNetwork, lightness: float) -> None:
    L = torch.full_like(picture(network), lightness)
    assert predict(network, L).isfinite().all()


def test_answer_depends_on_the_picture(network: ColorNetwork) -> None:
    first, second = predict(network, picture(network))
    assert not torch.allclose(first, second)


def test_same_input_gives_the_same_bits(network: ColorNetwork) -> None:
    L = picture(network)
    assert torch.equal(predict(network, L), predict(network, L))


def test_batch_equals_single(network: ColorNetwork) -> None:
    L = picture(network, 3)
    batch = predict(network, L)
    single = torch.cat([predict(network, part) for part in L.split(1)])
    assert relative_error(batch, single).max() < BLOCKING


def test_channels_last_equals_contiguous(network: ColorNetwork) -> None:
    L = picture(network)
    expected = predict(network, L)
    converted = copy.deepcopy(network).to(memory_format=torch.channels_last)
    found = predict(converted, L.contiguous(memory_format=torch.channels_last))
    assert relative_error(found, expected).max() < BLOCKING


def test_bfloat16_autocast_is_close(network: ColorNetwork) -> None:
    L = picture(network)
    with torch.autocast("cpu", torch.bfloat16):
        found = predict(network, L)
    assert found.dtype == torch.float32
    assert relative_error(found, predict(network, L)).mean() < BFLOAT16_MEAN


def test_preparing_for_inference_keeps_the_function(network: ColorNetwork) -> None:
    lively = copy.deepcopy(network).train()
    for _ in range(2):  # moves the batch norm statistics off 0 and 1
        with torch.no_grad():
            lively(picture(network, 4))
    L = picture(network)
    expected = predict(lively.eval(), L)
    prepared = prepare_for_inference(lively)
    assert not norms_after_convolutions(prepared, L)
    assert relative_error(predict(prepared, L), expected).max() < BLOCKING
    half = prepare_for_inference(prepared, torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert relative_error(predict(half, L), expected).mean() < BFLOAT16_MEAN


def norms_after_convolutions(network: ColorNetwork, L: Tensor) -> list[str]:
    """Batch norms whose input is a convolution's output.

    One behind a ReLU may stay: the zero padding of the next convolution comes after it.
    """
    made: list[tuple[Tensor, torch.nn.Module]] = []
    found: list[str] = []

    def after(module: torch.nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            made.append((output, module))

    def before_norm(name: str, x: Tensor) -> None:
        makers = [module for output, module in made if output is x]
        # The last of them: a ReLU in place hands on the convolution's own tensor.
        if makers and isinstance(makers[-1], torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            found.append(name)

    hooks = []
    for name, module in network.named_modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(after))
        if isinstance(module, torch.nn.BatchNorm2d):
            hooks.append(
                module.register_forward_pre_hook(lambda _m, x, name=name: before_norm(name, x[0]))
            )
    predict(network, L)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("half", [False, True])
def test_save_and_load(network: ColorNetwork, tmp_path: Path, half: bool) -> None:
    path = tmp_path / "network.safetensors"
    save_checkpoint(path, network, name="test", licence="CC0", half=half)
    loaded = load_checkpoint(path).network
    assert type(loaded) is type(network)
    assert loaded.config() == network.config()
    assert not loaded.training
    L = picture(network)
    found, expected = predict(loaded, L), predict(network, L)
    if half:
        assert relative_error(found, expected).max() < FLOAT16_WEIGHTS
    else:
        assert torch.equal(found, expected)


def test_every_parameter_learns(network: ColorNetwork) -> None:
    trained = copy.deepcopy(network).train()
    L = picture(network, 4)
    if hasattr(trained, "forward_train"):
        outputs = list(trained.forward_train(L))
    else:
        outputs = [trained(L).ab]
    sum(output.float().square().mean() for output in outputs).backward()
    for name, parameter in trained.named_parameters():
        if name.startswith(FROZEN.get(network.architecture, ())):
            assert not parameter.requires_grad, name
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_size_that_does_not_fit_is_refused(network: ColorNetwork) -> None:
    if network.rules.multiple_of == 1:
        return  # every size fits
    L = picture(network)[..., :-1]
    with pytest.raises(ValueError, match="multiples of"):
        network(L)
