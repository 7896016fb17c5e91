from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.models import bins


def test_table_is_the_published_one() -> None:
    table = bins.AB_BINS
    assert table.shape == (313, 2)
    assert bins.NUM_BINS == 313
    assert table[bins.GRAY_BIN].tolist() == [0.0, 0.0]
    rows = [int((table[:, 0] == a).sum()) for a in range(-90, 101, 10)]
    # Counts per a* and moments of the published pts_in_hull.npy.
    assert rows == [5, 8, 10, 12, 14, 15, 16, 16, 17, 18, 18, 18, 19, 20, 19, 20, 20, 19, 19, 10]
    assert table[:, 1].min() == -110.0
    assert table[:, 1].max() == 100.0
    assert table.sum(dim=0).tolist() == [4910.0, 2090.0]
    assert table.square().sum(dim=0).tolist() == [916500.0, 961300.0]
    assert float(table.prod(dim=1).sum()) == -348700.0


def test_table_is_sorted_by_a_then_b() -> None:
    pairs = [tuple(row) for row in bins.AB_BINS.tolist()]
    assert pairs == sorted(set(pairs))


def brute_force(ab: torch.Tensor) -> torch.Tensor:
    """(N, 313) soft encoding of (N, 2) by distances to all bins."""
    ab = ab.double()  # far outside the bins a float32 Gaussian is 0
    squared = (ab[:, None] - bins.AB_BINS).square().sum(-1)
    nearest = squared.topk(5, largest=False)
    weights = torch.exp(-nearest.values / 50.0)
    weights = weights / weights.sum(dim=1, keepdim=True)
    encoded = torch.zeros(len(ab), 313, dtype=torch.float64)
    return encoded.scatter_(1, nearest.indices, weights).float()


def test_soft_encode_agrees_with_brute_force() -> None:
    ab = torch.rand(1, 2, 32, 32) * 200.0 - 100.0
    indices, weights = bins.soft_encode(ab)
    assert indices.shape == weights.shape == (1, 5, 32, 32)
    found = torch.zeros(1024, 313).scatter_(
        1, indices[0].flatten(1).T, weights[0].flatten(1).T.contiguous()
    )
    error = (found - brute_force(ab[0].flatten(1).T)).abs().sum(dim=1)
    # Near a tie the table may take the sixth bin for the fifth.
    assert error.mean() < 0.03
    assert error.max() < 0.3


def test_soft_encode_of_a_bin_prefers_it() -> None:
    ab = bins.AB_BINS.T.reshape(1, 2, 1, 313)
    indices, weights = bins.soft_encode(ab)
    best = indices.gather(1, weights.argmax(dim=1, keepdim=True))
    assert best.flatten().tolist() == list(range(313))


@given(a=st.floats(-1e4, 1e4), b=st.floats(-1e4, 1e4))
def test_soft_encode_is_a_distribution_everywhere(a: float, b: float) -> None:
    indices, weights = bins.soft_encode(torch.tensor([a, b]).reshape(1, 2, 1, 1))
    assert len(set(indices.flatten().tolist())) == 5
    assert (weights >= 0).all()
    assert math.isclose(float(weights.sum()), 1.0, rel_tol=1e-5)


def test_encoding_and_decoding_gives_the_color_back() -> None:
    ab = (torch.rand(1, 2, 16, 16) - 0.5) * 60.0
    indices, weights = bins.soft_encode(ab)
    logits = torch.full((1, 313, 16, 16), -30.0).scatter_(1, indices, weights.log())
    # Five of the nearest nine bins do not surround every colour evenly: half a bin at most.
    assert (bins.decode(logits, temperature=1.0) - ab).abs().max() < 5.0


def test_histogram_counts_each_picture() -> None:
    ab = torch.zeros(2, 2, 4, 4)
    ab[1, 0] = 50.0
    histogram = bins.bin_histogram(*bins.soft_encode(ab))
    assert histogram.shape == (2, 313)
    assert torch.allclose(histogram.sum(dim=1), torch.ones(2))
    assert histogram[0].argmax() == bins.GRAY_BIN
    assert bins.AB_BINS[histogram[1].argmax()].tolist() == [50.0, 0.0]


def test_decode_without_gradients_equals_decode_with() -> None:
    logits = torch.randn(2, 313, 40, 30, requires_grad=True)  # more cells than one chunk
    expected = bins.decode(logits, 0.38)
    with torch.no_grad():
        found = bins.decode(logits, 0.38)
        last = bins.decode(logits.contiguous(memory_format=torch.channels_last), 0.38)
    assert torch.allclose(found, expected, atol=1e-3)
    assert torch.allclose(last, expected, atol=1e-3)
    expected.sum().backward()
    assert logits.grad is not None


def test_decode_does_not_change_its_input() -> None:
    logits = torch.randn(1, 313, 4, 4).contiguous(memory_format=torch.channels_last)
    before = logits.clone()
    bins.decode(logits)
    assert torch.equal(logits, before)


def test_low_temperature_decodes_the_mode_and_one_the_mean() -> None:
    logits = torch.zeros(1, 313, 1, 1)
    logits[0, 200] = 1.0
    mode = bins.decode(logits, 0.01).flatten()
    assert torch.allclose(mode, bins.AB_BINS[200], atol=1e-3)
    mean = bins.decode(torch.zeros(1, 313, 1, 1), 1.0).flatten()
    assert torch.allclose(mean, bins.AB_BINS.mean(dim=0), atol=1e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_decode_refuses_a_temperature_that_is_not_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        bins.decode(torch.zeros(1, 313, 1, 1), temperature)


def test_decode_of_extreme_logits_is_finite() -> None:
    logits = torch.zeros(1, 313, 1, 2, dtype=torch.bfloat16)
    logits[0, 7] = 1e30
    assert bins.decode(logits).isfinite().all()


def test_rebalancing_lifts_rare_bins_and_keeps_the_mean() -> None:
    prior = torch.rand(313) ** 6
    prior[5] = 0.0
    p = prior / prior.sum()
    weights = bins.rebalancing_weights(prior)
    assert math.isclose(float((p * weights).sum()), 1.0, rel_tol=1e-5)
    assert weights[5] == weights.max()
    assert torch.all(weights[prior.argsort(descending=True)].diff() >= 0)
    assert torch.allclose(bins.rebalancing_weights(prior, lam=1.0), torch.ones(313), atol=1e-4)


def test_smooth_prior_spreads_to_neighbors() -> None:
    prior = torch.zeros(313)
    prior[bins.GRAY_BIN] = 4.0
    smooth = bins.smooth_prior(prior)
    assert math.isclose(float(smooth.sum()), 1.0, rel_tol=1e-5)
    assert smooth.argmax() == bins.GRAY_BIN
    assert smooth[bins.GRAY_BIN + 1] > smooth[bins.GRAY_BIN + 2] > 0


def test_tables_made_in_inference_mode_serve_in_training() -> None:
    bins._bins_on.cache_clear()
    bins._neighbor_table.cache_clear()
    with torch.inference_mode():
        bins.soft_encode(torch.zeros(1, 2, 1, 1))
        bins.decode(torch.zeros(1, 313, 1, 1))
    logits = torch.randn(1, 313, 2, 2, requires_grad=True)
    bins.decode(logits).sum().backward()
    assert logits.grad is not None
    assert not bins._neighbor_table(torch.device("cpu")).is_inference()
