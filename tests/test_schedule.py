"""Schedules against torch's own schedulers, step by step."""

import math
import random

import pytest
import torch

from underbudget.search.training.schedule import Constant, Cosine, OneCycle, Plateau, StepDecay, Timeline, at


def sgd(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


@pytest.mark.parametrize(("epochs", "steps"), [(15, 391), (15, 79), (3, 2), (1, 4), (2, 1), (1, 1)])
@pytest.mark.parametrize(
    "cycle", [OneCycle(warm_up=0.2), OneCycle(), OneCycle(0.4, first_divisor=10, last_divisor=1000, low_momentum=0.8)]
)
def test_one_cycle_is_torchs_at_every_step(cycle: OneCycle, epochs: int, steps: int) -> None:
    timeline = Timeline(epochs, steps)
    optimizer = sgd(0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=0.1,
        epochs=epochs,
        steps_per_epoch=steps,
        pct_start=cycle.warm_up,
        div_factor=cycle.first_divisor,
        final_div_factor=cycle.last_divisor,
        base_momentum=cycle.low_momentum,
    )
    for step in range(timeline.steps):
        group = optimizer.param_groups[0]
        expected = group["lr"], group["momentum"]
        assert at(cycle, step, timeline, 0.1, 0.9) == pytest.approx(expected, rel=1e-9, abs=1e-12), step
        optimizer.step()
        scheduler.step()


def test_a_warm_up_of_one_step_starts_at_the_highest_rate() -> None:
    # torch's OneCycleLR raises ZeroDivisionError here: 0.2 * 5 - 1 = 0 steps of warm-up
    assert at(OneCycle(warm_up=0.2), 0, Timeline(5, 1), 0.1, 0.9) == (0.1, 0.85)


def test_step_decay_is_torchs_at_every_step() -> None:
    timeline, optimizer = Timeline(15, 7), sgd(0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.1)
    for epoch in range(timeline.epochs):
        for step in range(timeline.steps_per_epoch):
            lr, momentum = at(StepDecay(every=6, factor=0.1), epoch * 7 + step, timeline, 0.01, 0.9)
            assert lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
            assert momentum == 0.9
            optimizer.step()
        scheduler.step()


def test_constant() -> None:
    assert {at(Constant(), step, Timeline(2, 3), 0.01, 0.9) for step in range(6)} == {(0.01, 0.9)}


def test_a_cycle_may_be_longer_than_the_run() -> None:
    """Laid out for 20 epochs, ended after 15."""
    timeline, optimizer = Timeline(15, 391), sgd(0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, epochs=20, steps_per_epoch=391, pct_start=0.2
    )
    for step in range(timeline.steps):
        group = optimizer.param_groups[0]
        expected = group["lr"], group["momentum"]
        assert at(OneCycle(0.2, length=20 / 15), step, timeline, 0.1, 0.9) == pytest.approx(expected, rel=1e-9), step
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("optimizer_type", [torch.optim.Adam, torch.optim.AdamW])
def test_momentum_cycles_for_adam_as_beta1(optimizer_type: type[torch.optim.Adam]) -> None:
    timeline, optimizer = Timeline(3, 5), optimizer_type([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=15, final_div_factor=1000)
    for step in range(timeline.steps):
        group = optimizer.param_groups[0]
        expected = group["lr"], group["betas"][0]
        assert at(OneCycle(last_divisor=1000), step, timeline, 0.003, 0.9) == pytest.approx(expected, rel=1e-9), step
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("last", [0.0, 0.1])
def test_cosine_is_torchs_at_every_step(last: float) -> None:
    timeline, optimizer = Timeline(4, 9), sgd(0.2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=36, eta_min=0.2 * last)
    for step in range(timeline.steps):
        lr, momentum = at(Cosine(last), step, timeline, 0.2, 0.9)
        assert lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        assert momentum == 0.9
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("factor", "patience"), [(0.1, 1), (0.5, 0), (0.3, 3), (0.001, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_plateau_is_torchs_after_every_epoch(factor: float, patience: int, seed: int) -> None:
    """Losses that fall, rise, stand still, or fall by less than a 10,000th; rates down to those too small to change."""
    chance, optimizer = random.Random(seed), sgd(0.01)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
    losses, rates = [1.0], set()
    for _ in range(60):
        lr, momentum = at(Plateau(factor, patience), 0, Timeline(60, 1), 0.01, 0.9, losses[:-1])
        assert (lr, momentum) == (pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9), 0.9)
        rates.add(lr)
        optimizer.step()
        scheduler.step(losses[-1])
        losses.append(losses[-1] * chance.choice([0.9, 1.05, 1.0, 1 - 5e-5, 1 - 2e-4]))
    assert len(rates) > 3 or math.log(1e-6, factor) < 3


def test_before_any_loss_a_plateau_is_constant() -> None:
    assert at(Plateau(), 0, Timeline(2, 3), 0.01, 0.9) == (0.01, 0.9)
