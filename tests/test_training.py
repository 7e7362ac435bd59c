"""The training loop against stock torch, and its promises: same seed same bits, nothing disturbed, nothing lost."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset, Part
from underbudget.search.training import loop
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.evaluate import evaluate
from underbudget.search.training.loop import EpochResult, TrainingDiverged, TrainingResult, train
from underbudget.search.training.recipe import Recipe
from underbudget.search.training.schedule import OneCycle


def network(text: str = "conv3x3(6) relu bn drop0.1 | conv3x3(8) relu bn | maxpool2 | linear(4)") -> Plan:
    return plan(parse(text), (1, 8, 8), 4)


pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(recipe("warp10-onecycle"), epochs=3, batch_size=16)


def finish(
    dataset: Dataset, recipe: Recipe = SHORT, seed: int = 0, plan: Plan | None = None
) -> tuple[list[EpochResult], TrainingResult]:
    *epochs, result = train(plan or network(), recipe, seed, dataset)
    assert isinstance(result, TrainingResult)
    assert all(isinstance(epoch, EpochResult) for epoch in epochs)
    return [epoch for epoch in epochs if isinstance(epoch, EpochResult)], result


def curve(epochs: list[EpochResult]) -> list[tuple[float, ...]]:
    return [(item.train_loss, item.train_accuracy, item.val_loss, item.val_accuracy) for item in epochs]


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def normalized(dataset: Dataset, part: Part) -> Tensor:
    pixels = torch.from_numpy(np.array(part.images)).float() / 255
    return (pixels - dataset.info.mean[0]) / dataset.info.std[0]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("constant", lr=0.05, nesterov=True, weight_decay=1e-3),
        Recipe("cycle", lr=0.2, schedule=OneCycle(warm_up=0.3)),
    ],
    ids=lambda recipe: recipe.name,
)
def test_a_run_is_what_stock_torch_computes(
    quadrants: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch per epoch, so that the order does not matter; no augmentation, no dropout."""
    text, epochs = "conv3x3(6) relu bn | conv3x3(8) bn relu | gap | linear(4)", 12
    torch.manual_seed(4)
    start = build(network(text)).state_dict()

    def build_alike(plan: Plan) -> nn.Sequential:
        model = build(plan)
        model.load_state_dict(start)
        return model

    monkeypatch.setattr(loop, "build", build_alike)
    ours, result = finish(quadrants, replace(recipe, epochs=epochs, batch_size=97), plan=network(text))

    stock = nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.ReLU(), nn.BatchNorm2d(6), nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8)
    ).extend([nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)])
    stock.load_state_dict(dict(zip(stock.state_dict(), start.values(), strict=True)))
    optimizer = torch.optim.SGD(
        stock.parameters(), lr=recipe.lr, momentum=0.9, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
    )
    scheduler: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
    if isinstance(recipe.schedule, OneCycle):
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, total_steps=epochs, pct_start=0.3)
    part, validation = quadrants.part("train"), quadrants.part("validation")
    inputs, labels = normalized(quadrants, part), torch.tensor(part.labels)
    for epoch in ours:
        logits = stock.train()(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        assert epoch.train_loss == pytest.approx(loss.item(), abs=1e-4)
        assert epoch.train_accuracy == pytest.approx(100 * (logits.argmax(1) == labels).float().mean().item(), abs=1.1)
        with torch.no_grad():
            val = nn.functional.cross_entropy(
                stock.eval()(normalized(quadrants, validation)), torch.tensor(validation.labels)
            )
        assert epoch.val_loss == pytest.approx(val.item(), abs=1e-4)
    for ours_tensor, theirs in zip(result.state.values(), stock.state_dict().values(), strict=True):
        torch.testing.assert_close(ours_tensor, theirs, rtol=1e-3, atol=1e-4)


def test_the_result_is_the_last_epoch(quadrants: Dataset) -> None:
    epochs, result = finish(quadrants)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert result.seconds == pytest.approx(sum(epoch.seconds for epoch in epochs))
    model = build(network())
    model.load_state_dict(result.state)
    validation = quadrants.part("validation")
    with torch.no_grad():
        logits = model.eval()(normalized(quadrants, validation))
    predicted = logits.argmax(1).numpy()
    assert result.confusion == confusion_matrix(validation.labels, predicted, labels=range(4)).tolist()
    assert epochs[-1].val_accuracy == pytest.approx(100 * (predicted == validation.labels).mean())
    expected = nn.functional.cross_entropy(logits, torch.tensor(validation.labels)).item()
    assert epochs[-1].val_loss == pytest.approx(expected, abs=1e-5)
    for name, tensor in result.state.items():
        assert tensor.dtype == (torch.int64 if name.endswith("num_batches_tracked") else torch.float32)
        assert tensor.is_contiguous()
    assert result.backend == "cpu float32 channels_last plain threads=1"
    assert result.device == "cpu"
    assert result.hardware
    assert result.versions["torch"] == torch.__version__


def test_it_learns(quadrants: Dataset) -> None:
    epochs, _ = finish(quadrants, replace(SHORT, epochs=8))
    assert epochs[-1].val_accuracy > 95
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_the_same_seed_gives_the_same_bits(quadrants: Dataset) -> None:
    first, again = finish(quadrants, seed=7), finish(quadrants, seed=7)
    assert curve(first[0]) == curve(again[0])
    assert same(first[1].state, again[1].state)
    assert first[1].confusion == again[1].confusion


@pytest.mark.parametrize("seed", [8, 2**63 + 7])
def test_another_seed_gives_another_run(quadrants: Dataset, seed: int) -> None:
    assert curve(finish(quadrants, seed=7)[0]) != curve(finish(quadrants, seed=seed)[0])


def test_two_runs_in_turns_are_as_two_runs_one_after_the_other(quadrants: Dataset) -> None:
    turns = list(zip(train(network(), SHORT, 1, quadrants), train(network(), SHORT, 2, quadrants), strict=True))
    for index, seed in enumerate((1, 2)):
        result = turns[-1][index]
        assert isinstance(result, TrainingResult)
        assert same(result.state, finish(quadrants, seed=seed)[1].state)


def test_the_callers_random_numbers_are_not_disturbed(quadrants: Dataset) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for _ in train(network(), SHORT, 0, quadrants):
        assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(TrainingDiverged):
        list(train(network(), replace(SHORT, lr=1e30), 0, quadrants))
    assert torch.equal(torch.get_rng_state(), before)


def test_closing_ends_the_run(quadrants: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[nn.Sequential] = []

    def build_and_keep(plan: Plan) -> nn.Sequential:
        models.append(build(plan))
        return models[-1]

    monkeypatch.setattr(loop, "build", build_and_keep)
    run = train(network(), SHORT, 0, quadrants)
    next(run)
    stopped = {name: tensor.clone() for name, tensor in models[0].state_dict().items()}
    run.close()
    assert list(run) == []
    assert same(models[0].state_dict(), stopped)


def test_a_loss_that_is_not_finite_names_the_epoch(quadrants: Dataset) -> None:
    with pytest.raises(TrainingDiverged, match="the training loss is not finite in epoch 1: try a lower learning rate"):
        list(
            train(network("conv3x3(6) relu | conv3x3(8) relu | gap | linear(4)"), replace(SHORT, lr=1e30), 0, quadrants)
        )
    assert TrainingDiverged.exit_code == 1


class Recorder(nn.Module):
    """Keeps its inputs, draws random numbers as dropout does, and answers with zeros."""

    def __init__(self, draws: int) -> None:
        super().__init__()
        self.draws = draws
        self.weight = nn.Parameter(torch.zeros(4))
        self.seen: dict[bool, list[Tensor]] = {True: [], False: []}
        self.drawn: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen[self.training].append(inputs.clone())
        if self.training:
            self.drawn.append(torch.rand(self.draws))
        return self.weight.expand(len(inputs), 4)


def record(dataset: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, draws: int = 0) -> Recorder:
    recorder = Recorder(draws)
    monkeypatch.setattr(loop, "build", lambda _: recorder)
    list(train(network(), recipe, 0, dataset))
    return recorder


def test_an_epoch_shows_every_image_once_in_a_new_order(quadrants: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = record(quadrants, Recipe("plain", epochs=2, batch_size=16), monkeypatch).seen[True]
    assert [len(batch) for batch in seen] == [16, 16, 16, 16, 16, 17] * 2  # 97 images: the lone last one joins
    everything = normalized(quadrants, quadrants.part("train"))
    epochs = [torch.cat(seen[:6]), torch.cat(seen[6:])]
    orders = [torch.cdist(epoch.flatten(1), everything.flatten(1)).argmin(1).tolist() for epoch in epochs]
    for epoch, order in zip(epochs, orders, strict=True):
        torch.testing.assert_close(epoch, everything[order])
        assert sorted(order) == list(range(97))
    assert orders[0] != orders[1]


def test_order_and_augmentation_do_not_depend_on_the_network(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_dropout, without = (record(quadrants, SHORT, monkeypatch, draws).seen[True] for draws in (100, 0))
    assert all(torch.equal(first, second) for first, second in zip(with_dropout, without, strict=True))


def test_dropout_is_another_at_every_step(quadrants: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = torch.stack(record(quadrants, SHORT, monkeypatch, draws=3).drawn)
    assert len(drawn) == 3 * 6
    assert len({tuple(row) for row in drawn.tolist()}) == len(drawn)


def test_train_figures_are_means_over_images(quadrants: Dataset) -> None:
    """Batches of 90 and 7 images, at a rate that changes nothing."""
    text = "conv3x3(6) relu | gap | linear(4)"
    still = Recipe("still", epochs=1, batch_size=90, lr=1e-12)
    epochs, result = finish(quadrants, still, plan=network(text))
    model = build(network(text))
    model.load_state_dict(result.state)
    part = quadrants.part("train")
    with torch.no_grad():
        logits = model(normalized(quadrants, part))
    labels = torch.tensor(part.labels)
    assert epochs[0].train_loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), abs=1e-5)
    assert epochs[0].train_accuracy == pytest.approx(100 * (logits.argmax(1) == labels).double().mean().item())


def test_a_short_last_batch_is_kept(quadrants: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = record(quadrants, Recipe("plain", epochs=1, batch_size=19), monkeypatch).seen[True]
    assert [len(batch) for batch in seen] == [19, 19, 19, 19, 19, 2]


def test_augmentation_is_for_training_only_and_leaves_the_order(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = record(quadrants, Recipe("plain", epochs=2, batch_size=97), monkeypatch).seen
    warped = record(quadrants, Recipe("warped", 2, 97, augmentation=SHORT.augmentation), monkeypatch).seen
    validation = normalized(quadrants, quadrants.part("validation"))
    for seen in (plain, warped):
        for batch in seen[False]:
            torch.testing.assert_close(batch, validation)
    for before, after in zip(plain[True], warped[True], strict=True):
        changes = (before - after).flatten(1).abs().amax(1)
        assert (changes > 0.1).float().mean() > 0.95
        # the same images in the same order: a small warp leaves each nearest to itself in most cases
        nearest = torch.cdist(
            nn.functional.avg_pool2d(after, 2).flatten(1), nn.functional.avg_pool2d(before, 2).flatten(1)
        )
        labels_kept = (before - before[nearest.argmin(1)]).flatten(1).abs().amax(1) < 2
        assert labels_kept.float().mean() > 0.3
    first, second = warped[True]
    assert not torch.equal(first, second)


def test_batch_norm_on_single_values_trains_with_any_count_of_images(quadrants: Dataset) -> None:
    """Batch norm after global pooling has one value per image and channel: a batch of one image would raise."""
    text = "conv3x3(6) relu bn | gap | conv1x1(5) relu bn | conv1x1(4)"
    for batch in (2, 3, 16, 32, 96):  # 97 = 1 modulo each of them
        epochs, _ = finish(quadrants, replace(SHORT, epochs=1, batch_size=batch), plan=network(text))
        assert math.isfinite(epochs[0].train_loss)


def test_evaluation_goes_in_pieces_and_leaves_the_mode() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3))
    images, labels = torch.randint(0, 256, (1_203, 1, 4, 4), dtype=torch.uint8), torch.randint(0, 3, (1_203,))
    result = evaluate(model, images, labels, lambda pixels: pixels.float() / 255, 3)
    assert model.training
    with torch.no_grad():
        logits = model.eval()(images.float() / 255)
    assert result.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), abs=1e-6)
    assert result.confusion == confusion_matrix(labels, logits.argmax(1), labels=range(3)).tolist()
    assert result.score() == pytest.approx(100 * (logits.argmax(1) == labels).double().mean().item())


def test_workers_need_torch_and_numpy_only() -> None:
    code = """
import sys
for name in ("optuna", "pandas", "torchvision", "plotly", "sklearn", "typer"):
    sys.modules[name] = None
import underbudget.search.training.recipe
assert "torch" not in sys.modules, "a recipe is plain data"
import underbudget.search.training.loop
"""
    root = Path(loop.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
