"""`underbudget ablate`: each ingredient taken away or swapped, against counts worked out by hand."""

import json
import re
from pathlib import Path

import pytest
import stub_runs
import torch
from scipy import stats

from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.reports.ablation import Missing
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.variants import Variant, variants
from underbudget.search.training import built_in_recipes, run_length

IMAGES = 50_000


def found(name: str, recipe: str | None = None) -> tuple[dict[str, Variant], dict[str, str]]:
    """Variants by key, reasons of the absent by ingredient."""
    published = reference(name)
    chosen = run_length.resolve(built_in_recipes.recipe(recipe or published.recipe), images=IMAGES)
    result = variants(plan(published.architecture, (1, 28, 28)), chosen, IMAGES)
    return (
        {each.key: each for each in result if isinstance(each, Variant)},
        {each.ingredient: each.reason for each in result if isinstance(each, Missing)},
    )


def params(variant: Variant) -> int:
    return sum(layer.params for layer in plan(variant.architecture, (1, 28, 28)).layers)


def test_ingredients_of_saish_m4_by_hand() -> None:
    there, absent = found("saish-m4")
    assert list(there) == [
        "no-batch-norm", "no-dropout", "big-kernel", "no-transition", "pool-earlier", "pool-later",
        "no-augmentation", "constant-rate",
    ]  # fmt: skip
    assert not absent
    assert "bn" not in str(there["no-batch-norm"].architecture)
    assert params(there["no-batch-norm"]) == 7600 - 2 * (8 + 16 + 10 + 16 + 16)
    assert "drop" not in str(there["no-dropout"].architecture)
    assert params(there["no-dropout"]) == 7600
    # conv4x4(10) on the 4x4 map of 10 channels in place of the mean
    assert str(there["big-kernel"].architecture).endswith("| conv3x3(10) | conv4x4(10)")
    assert params(there["big-kernel"]) == 7600 + 4 * 4 * 10 * 10
    # without conv1x1(10) the next convolution has 16 channels of input
    assert params(there["no-transition"]) == 7600 - 160 + 3 * 3 * (16 - 10) * 10
    assert "conv3x3(16) relu bn drop0.05 | maxpool2 | conv1x1(10)" in str(there["pool-earlier"].architecture)
    assert "conv3x3(10) relu bn drop0.05 | maxpool2 | conv3x3(16)" in str(there["pool-later"].architecture)
    for key, variant in there.items():
        of_the_recipe = key in ("no-augmentation", "constant-rate")
        assert (variant.architecture.id == reference("saish-m4").architecture.id) == of_the_recipe


def test_a_constant_rate_is_the_mean_of_torch_s_schedule() -> None:
    variant = found("saish-m4")[0]["constant-rate"]
    steps = 15 * 391
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps, pct_start=0.2)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert variant.recipe.schedule.kind == "constant"
    assert variant.recipe.lr == pytest.approx(sum(rates) / steps, rel=5e-3)


def test_what_is_not_there_is_named() -> None:
    there, absent = found("mkthoma-m1")
    assert set(absent) == {"batch norm", "dropout", "augmentation", "schedule", "pool position"}
    # 28 26 24, pool 12, then 10, 10, 8, 6, 6: no room for conv7x7(10)
    assert absent["pool position"].startswith(
        "pool one stage earlier, before conv3x3(30) does not fit: stage 9, conv7x7(10): it would shrink the 6x6 map"
    )
    assert absent["batch norm"] == "the network has no batch norm"
    assert absent["augmentation"] == "the recipe has no augmentation"
    # conv7x7(10) on 10 channels, against their mean and conv1x1(10)
    assert str(there["gap-head"].architecture).endswith("| conv1x1(10) relu | gap | conv1x1(10)")
    assert params(there["gap-head"]) == 19_990 - 7 * 7 * 10 * 10 + 10 * 10
    lonely, missing = variants_of("conv3x3(8,p1) relu | gap | linear(10)")
    assert {"1x1 transition", "pool position"} <= set(missing)
    assert str(lonely["big-kernel"].architecture) == "conv3x3(8,p1) relu | conv28x28(10,bias=T)"


def variants_of(text: str) -> tuple[dict[str, Variant], dict[str, str]]:
    recipe = run_length.resolve(built_in_recipes.recipe("plain"), images=IMAGES)
    result = variants(plan(parse(text), (1, 28, 28)), recipe, IMAGES)
    return (
        {each.key: each for each in result if isinstance(each, Variant)},
        {each.ingredient: each.reason for each in result if isinstance(each, Missing)},
    )


def test_a_head_of_two_layers_becomes_one_kernel() -> None:
    """pankaja-m7 ends in gap(6x6) | conv1x1(16) relu bn drop0.03 | conv1x1(10)."""
    variant = found("pankaja-m7")[0]["big-kernel"]
    assert str(variant.architecture).endswith("| conv6x6(16) relu bn drop0.03 | conv1x1(10)")
    assert params(variant) == 6720 - 18 * 16 + 6 * 6 * 18 * 16


def test_regularisation_that_a_recipe_has() -> None:
    there, _ = found("gkdivya-bn")
    assert there["no-weight-decay"].recipe.weight_decay == 0
    assert "no-label-smoothing" not in there


@pytest.mark.parametrize("name", ["tharun-m2", "nagalakshmi-m3", "hassiahk-ex5", "gmshashank-it1", "saish-m1"])
def test_every_variant_of_every_kind_of_network_fits(name: str) -> None:
    there, _ = found(name)
    for variant in there.values():
        assert plan(variant.architecture, (1, 28, 28)).classes == 10


def test_changes_have_welch_s_interval(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = stub_runs.failing(lambda job: "conv4x4" in job.layers_text or ("bn" not in job.layers_text and job.seed == 0))
    jobs = stub_runs.instead_of_workers(monkeypatch, bad)
    command = ["ablate", "saish-m4", "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--seeds", "3",
               "--epochs", "2", "--output", str(tmp_path)]  # fmt: skip
    assert run([*command, "--json"]) == 0
    table = {row["change"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert len(jobs) == 9 * 3
    assert {job.protocol for job in jobs} == {"search"}

    base = [sum(stub_runs.accuracy(job, epoch) for epoch in (1, 2)) / 2 for job in jobs[:3]]
    new = [sum(stub_runs.accuracy(job, epoch) for epoch in (1, 2)) / 2 for job in jobs[6:9]]
    row = table["without dropout (5 layers)"]
    interval = stats.ttest_ind(new, base, equal_var=False).confidence_interval(0.95)
    assert row["accuracy_change"] == pytest.approx(sum(new) / 3 - sum(base) / 3)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert table["as it is"]["params"] == 7600
    assert table["without batch norm (5 layers)"]["params_change"] == -132
    assert (table["without batch norm (5 layers)"]["seeds"], table["without batch norm (5 layers)"]["failed"]) == (2, 1)
    assert any(
        "conv4x4(10) instead of global average pooling: the training failed on every seed" in key for key in table
    )
    for name in ("index.html", "ablation.csv", "ablation.json", "ablation.png"):
        assert (tmp_path / name).stat().st_size > 500

    jobs.clear()
    assert run(command) == 0  # only what failed is tried again
    assert len(jobs) == 4
    said = capsys.readouterr().out
    assert "without dropout" in said
    first_column = " ".join(re.split("  +", line)[0] for line in said.splitlines())
    assert "without batch norm (5 layers), 2 of 3 seeds" in first_column
    assert "GAP head: nothing to compare, conv4x4(10) instead of global average pooling" in said


def test_a_network_that_cannot_be_trained_as_it_is_is_an_error(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub_runs.instead_of_workers(monkeypatch, stub_runs.failing(lambda job: True))
    command = ["ablate", "saish-m4", "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--seeds", "1",
               "--epochs", "2", "--output", str(tmp_path)]  # fmt: skip
    assert run(command) == 1
    assert "as it is could not be trained on any seed: the loss is not finite" in capsys.readouterr().err
