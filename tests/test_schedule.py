"""Schedules against torch's own schedulers, step by step."""

import pytest
import torch

from search.training.schedule import Constant, OneCycle, StepDecay, Timeline, at


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
