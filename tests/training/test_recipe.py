from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.photographs.made import quick_recipe
from vidcolor.cli.train import SHIPPED
from vidcolor.errors import SettingsError
from vidcolor.training.recipe import RECIPES, load_recipe, parse_changes
from vidcolor.training.setup import check_recipe, create_network


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_load_and_say_what_the_weights_come_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe.licence
    assert all(source.terms for source in recipe.sources)
    # Only one recipe made weights that are shipped; the others are for the user's photographs.
    assert bool(recipe.sources) == (name == "train-filmnet")


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_suit_their_networks(name: str) -> None:
    recipe = load_recipe(name)
    check_recipe(create_network(recipe), recipe)


def test_the_command_line_names_all_of_them() -> None:
    assert SHIPPED == RECIPES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan": {}, "loss.kind": "l1", "optimizer.schedule": "plateau"}, "not plateau"),
        (
            {"optimizer.schedule": "plateau", "optimizer.warmup_steps": 9},
            "^recipe train-filmnet: optimizer.schedule plateau has no warm-up",
        ),
        ({"name": "a/b"}, "name"),
        ({"licence": ""}, "licence"),
        ({"validation.temperatures": []}, "temperatures"),
        ({"validation.temperatures": [0.0]}, "temperatures"),
        ({"optimizer.betas": [0.9, 1.5]}, "betas"),
        ({"data.source_weights": {"lsp": -1.0}}, "source_weights"),
    ],
)
def test_what_cannot_go_together(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_recipe("train-filmnet", changes)


def test_a_file_of_ones_own_is_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'licence = "CC0"\nmax_steps = 7\n[[phases]]\nshare = 1.0\nsize = 64\nbatch = 3\n'
    )
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.max_steps, recipe.phases[0].batch) == ("mine", 7, 3)


def test_changes_reach_nested_fields() -> None:
    changes = parse_changes(["optimizer.rate=3e-4", "network.options.drop_path=0.2", "name=try"])
    recipe = load_recipe("train-filmnet", changes)
    assert recipe.optimizer.rate == 3e-4
    assert recipe.network.options["drop_path"] == 0.2
    assert recipe.name == "try"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optimizer.rte=1", "no field 'optimizer.rte'.*rate"),
        ("max_steps.x=1", "no field 'max_steps.x'"),
        ("max_steps=0", "max_steps = 0 is not allowed"),
        ("loss.rebalance=2", "loss.rebalance = 2 is not allowed"),
        ("phases=[{share = 0.5, size = 64, batch = 2}]", "add up to 0.5"),
        ("phases=[{share = 1.0, size = 50, batch = 2}]", "phases.0.size = 50"),
    ],
)
def test_wrong_changes_name_the_field(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_recipe("train-filmnet", parse_changes([assignment]))


@pytest.mark.parametrize("assignment", ["rate", "=3"])
def test_a_change_without_a_key_or_value_is_refused(assignment: str) -> None:
    with pytest.raises(SettingsError, match="KEY=VALUE"):
        parse_changes([assignment])


def test_an_unknown_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(SettingsError, match=r"no recipe .*train-filmnet"):
        load_recipe("train-filmnit")


def test_phases_follow_each_other() -> None:
    recipe = quick_recipe(max_steps=10)
    assert [recipe.phase_at(step).size for step in (0, 4, 5, 9, 99)] == [32, 32, 64, 64, 64]


@given(steps=st.integers(1, 40), share=st.floats(0.05, 0.95), step=st.integers(0, 50))
def test_pictures_before_a_step_are_the_sum_of_the_batches(
    steps: int, share: float, step: int
) -> None:
    phases = [
        {"share": share, "size": 32, "batch": 5, "extra_share": 0.4},
        {"share": 1 - share, "size": 64, "batch": 3},
    ]
    recipe = quick_recipe(max_steps=steps, phases=phases)
    expected_main = expected_extra = expected_pixels = 0
    for earlier in range(step):
        phase = recipe.phase_at(earlier)
        of_extra = round(phase.batch * phase.extra_share)
        expected_main += phase.batch - of_extra
        expected_extra += of_extra
        expected_pixels += phase.batch * phase.size**2
    assert recipe.pictures_before(step) == (expected_main, expected_extra)
    assert recipe.pixels_before(step) == expected_pixels
