"""Every part of a recipe against stock torch, on both paths."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR
from torch.optim.swa_utils import AveragedModel

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import backends
from underbudget.search.training.built_in_recipes import RECIPES, recipe
from underbudget.search.training.loop import EpochResult, TrainingResult
from underbudget.search.training.native.library import Unavailable, library
from underbudget.search.training.randomness import Randomness
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective, Recipe
from underbudget.search.training.schedule import Cosine, OneCycle, Plateau, StepDecay

try:
    library()
    REASON = ""
except Unavailable as missing:
    if "no C compiler" not in str(missing):
        raise
    REASON = str(missing)
needs_kernels = pytest.mark.skipif(bool(REASON), reason=f"the C kernels cannot be used here: {REASON}")
pytestmark = pytest.mark.usefixtures("one_thread")
on_both_paths = pytest.mark.parametrize("backend", ["plain", pytest.param("native", marks=needs_kernels)])

EPOCHS, SEED = 12, 3
CPU = torch.device("cpu")
BASE = Recipe("base", EPOCHS, 97, lr=0.05)  # one batch per epoch, so that the order does not matter
RUNS = {
    "sgd": replace(BASE, nesterov=True, weight_decay=1e-2),
    "adam": replace(BASE, optimizer="adam", lr=0.01, momentum=0.8, beta2=0.98, weight_decay=1e-2),
    "adamw": replace(BASE, optimizer="adamw", lr=0.01, weight_decay=0.1),
    "adam one-cycle": replace(BASE, optimizer="adam", lr=0.02, schedule=OneCycle(warm_up=0.4)),
    "sgd one-cycle, longer than the run": replace(BASE, lr=0.2, schedule=OneCycle(warm_up=0.3, length=1.5)),
    "cosine": replace(BASE, schedule=Cosine(0.1)),
    "step": replace(BASE, schedule=StepDecay(5, 0.3)),
    "plateau": replace(BASE, lr=2.0, schedule=Plateau(0.2, 0)),
    "label smoothing": replace(BASE, label_smoothing=0.2),
    "ema": replace(BASE, ema=0.8),
    "ema with a plateau": replace(BASE, ema=0.3, lr=2.0, schedule=Plateau(0.2, 0)),
}


def network(tail: str = "") -> Plan:
    """No parameter has a gradient of rounding errors alone, which Adam would follow as if it were one."""
    return plan(parse(f"conv3x3(6) bn relu{tail} | conv3x3(8) relu bn | gap | linear(4)"), (1, 8, 8), 4)


def initial(plan: Plan) -> nn.Module:
    with Randomness(SEED, CPU).active():
        return build(plan)


def optimizer_of(run: Recipe, model: nn.Module) -> Optimizer:
    settings = {"lr": run.lr, "weight_decay": run.weight_decay}
    if run.optimizer == "sgd":
        return SGD(model.parameters(), momentum=run.momentum, nesterov=run.nesterov, **settings)
    kind = Adam if run.optimizer == "adam" else AdamW
    return kind(model.parameters(), betas=(run.momentum, run.beta2), **settings)


def scheduler_of(run: Recipe, optimizer: Optimizer) -> LRScheduler | ReduceLROnPlateau:
    match run.schedule:
        case OneCycle(warm_up, length=length):
            return OneCycleLR(optimizer, run.lr, total_steps=round(EPOCHS * length), pct_start=warm_up)
        case Cosine(last):
            return CosineAnnealingLR(optimizer, EPOCHS, run.lr * last)
        case StepDecay(every, factor):
            return StepLR(optimizer, every, factor)
        case Plateau(factor, patience):
            return ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
    return ConstantLR(optimizer, 1)


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    def mean(average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return current
        share = min(decay, int(steps) / (9 + int(steps)))  # `steps` is one more than the steps taken
        return share * average + (1 - share) * current

    result = AveragedModel(model, avg_fn=mean, use_buffers=True)
    result.n_averaged.add_(1)  # it begins with the initial weights instead of those after the first step
    return result


@on_both_paths
@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_what_stock_torch_computes(quadrants: Dataset, name: str, backend: str) -> None:
    run, shape = RUNS[name], network()
    stock = initial(shape)
    optimizer = optimizer_of(run, stock)
    scheduler = scheduler_of(run, optimizer)
    evaluate_images = averaged(stock, run.ema) if run.ema else stock
    parts = [quadrants.part("train"), quadrants.part("validation")]
    mean, std = quadrants.info.mean[0], quadrants.info.std[0]
    inputs, evaluated_inputs = ((torch.tensor(part.images).float() / 255 - mean) / std for part in parts)
    labels, evaluated_labels = (torch.tensor(part.labels) for part in parts)

    *epochs, result = backends.train(shape, run, SEED, quadrants, backend=backend)
    assert isinstance(result, TrainingResult)
    rates = set()
    for epoch in epochs:
        assert isinstance(epoch, EpochResult)
        rates.add(optimizer.param_groups[0]["lr"])
        loss = nn.functional.cross_entropy(stock.train()(inputs), labels, label_smoothing=run.label_smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if isinstance(evaluate_images, AveragedModel):
            evaluate_images.update_parameters(stock)
        with torch.no_grad():
            judged = nn.functional.cross_entropy(evaluate_images.eval()(evaluated_inputs), evaluated_labels).item()
        scheduler.step(*([judged] if isinstance(scheduler, ReduceLROnPlateau) else []))
        assert (epoch.train_loss, epoch.val_loss) == pytest.approx((loss.item(), judged), rel=1e-3, abs=1e-3)
    if isinstance(run.schedule, Plateau):
        assert len(rates) > 1  # the plateau was met
    kept = evaluate_images.module if isinstance(evaluate_images, AveragedModel) else evaluate_images
    for mine, theirs in zip(result.state.values(), kept.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=2e-3)


EVERYTHING = Recipe(
    "everything",
    3,
    16,
    "adamw",
    0.005,
    schedule=Cosine(),
    weight_decay=0.01,
    augmentation=Augmentation(
        (Affine(10, 5, 0.1),), Perspective(0.3, 0.5), Jitter(0.3, 0.3), Erasing(0.4), 0.5, Masks(0.2, 0.2), "mean"
    ),
    label_smoothing=0.1,
    ema=0.9,
    class_weights="balanced",
    metric="balanced_accuracy",
)


@needs_kernels
@pytest.mark.parametrize("name", [*RECIPES, "everything"])
def test_every_recipe_trains_alike_on_both_paths(quadrants: Dataset, name: str) -> None:
    """No dropout, which has masks of its own on each backend: only rounding differs."""
    run = EVERYTHING if name == "everything" else replace(recipe(name), epochs=3, batch_size=16)
    assert backends.choose(network()).backend == "native"
    (*plain, slow), (*fast, quick) = (
        list(backends.train(network(), run, SEED, quadrants, backend=backend)) for backend in ("plain", "auto")
    )
    assert isinstance(slow, TrainingResult)
    assert isinstance(quick, TrainingResult)
    assert " native " in quick.backend
    for expected, got in zip(plain, fast, strict=True):
        assert isinstance(expected, EpochResult)
        assert isinstance(got, EpochResult)
        assert (got.train_loss, got.val_loss) == pytest.approx((expected.train_loss, expected.val_loss), rel=5e-3)
    for key, tensor in slow.state.items():
        torch.testing.assert_close(quick.state[key], tensor, rtol=2e-2, atol=5e-3)


@on_both_paths
def test_a_run_of_all_parts_repeats_bit_by_bit(quadrants: Dataset, backend: str) -> None:
    outside = torch.get_rng_state()
    (*_, one), (*_, two) = (
        list(backends.train(network(" drop0.1"), EVERYTHING, 1, quadrants, backend=backend)) for _ in range(2)
    )
    assert isinstance(one, TrainingResult)
    assert isinstance(two, TrainingResult)
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    assert torch.equal(outside, torch.get_rng_state())


@on_both_paths
def test_the_averaged_weights_are_judged_and_kept_and_the_run_goes_on_without_them(
    quadrants: Dataset, backend: str
) -> None:
    """The training of the weights themselves is the same with and without their average."""
    with_it, without = (
        [
            epoch
            for epoch in backends.train(network(), run, SEED, quadrants, backend=backend)
            if isinstance(epoch, EpochResult)
        ]
        for run in (replace(BASE, batch_size=16, ema=0.9), replace(BASE, batch_size=16))
    )
    assert [epoch.train_loss for epoch in with_it] == [epoch.train_loss for epoch in without]
    assert all(one.val_loss != other.val_loss for one, other in zip(with_it, without, strict=True))
