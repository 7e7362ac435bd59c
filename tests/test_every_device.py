"""What a training promises on every device, on the backend that "auto" takes there. One suite for all of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import backends
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.loop import EpochResult, TrainingDiverged, TrainingResult, never
from underbudget.search.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(recipe("warp10-onecycle"), epochs=3, batch_size=16)
SPREAD = 0.05  # of a loss, between two equal runs on a GPU, whose sums may be taken in another order


def network(tail: str = " drop0.1") -> Plan:
    return plan(parse(f"conv3x3(6) relu bn{tail} | conv3x3(8) relu bn | maxpool2 | linear(4)"), (1, 8, 8), 4)


def finish(
    dataset: Dataset,
    device: str,
    recipe: Recipe = SHORT,
    seed: int = 0,
    backend: str = "auto",
    plan: Plan | None = None,
) -> tuple[list[EpochResult], TrainingResult]:
    *epochs, result = backends.train(plan or network(), recipe, seed, dataset, device, backend)
    assert isinstance(result, TrainingResult)
    return [epoch for epoch in epochs if isinstance(epoch, EpochResult)], result


def test_it_learns_and_keeps_what_it_was_judged_by(quadrants: Dataset, device: str) -> None:
    epochs, result = finish(quadrants, device, replace(SHORT, epochs=8))
    assert epochs[-1].val_accuracy > 90
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert result.backend.startswith(device)
    assert result.device.startswith(device)
    model = build(network())
    model.load_state_dict(result.state)
    part, info = quadrants.part("validation"), quadrants.info
    images = (torch.from_numpy(np.array(part.images)).float() / 255 - info.mean[0]) / info.std[0]
    with torch.no_grad():
        predicted = model.eval()(images).argmax(1).numpy()
    right = 100 * float((predicted == part.labels).mean())
    assert right == pytest.approx(epochs[-1].val_accuracy, abs=0 if device == "cpu" else 100 * 1.5 / 41)
    assert np.array(result.confusion).sum() == 41


def test_the_path_of_a_record_computes_the_same_again(quadrants: Dataset, device: str) -> None:
    first, one = finish(quadrants, device, seed=4)
    again, two = finish(quadrants, device, seed=4, backend=one.backend)
    assert one.backend == two.backend
    spread = 0 if device == "cpu" else SPREAD
    assert [e.val_loss for e in again] == pytest.approx([e.val_loss for e in first], rel=spread, abs=spread)
    if device == "cpu":
        assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)


def test_without_dropout_it_trains_as_the_plain_loop_does(quadrants: Dataset, device: str) -> None:
    expected, _ = finish(quadrants, device, backend="plain", plan=network(""))
    got, _ = finish(quadrants, device, plan=network(""))
    for one, other in zip(expected, got, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=2e-3 if device == "cpu" else SPREAD)


def test_trainings_at_once_are_as_trainings_alone(quadrants: Dataset, device: str) -> None:
    """In threads of one process, as a GPU's worker runs them. The CPU's C kernels run alone in theirs."""

    def losses(seed: int) -> list[float]:
        return [epoch.val_loss for epoch in finish(quadrants, device, seed=seed, backend="graph")[0]]

    alone = [losses(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(losses, range(3)))
    spread = 0 if device == "cpu" else SPREAD
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, rel=spread, abs=spread)


def test_a_halt_ends_it(quadrants: Dataset, device: str) -> None:
    seen: list[object] = []
    for part in backends.train(network(), replace(SHORT, epochs=50), 0, quadrants, device, "auto", lambda: bool(seen)):
        seen.append(part)
    assert [type(part) for part in seen] == [EpochResult]


def test_a_loss_that_is_not_finite_ends_it(quadrants: Dataset, device: str) -> None:
    with pytest.raises(TrainingDiverged, match="not finite in epoch 1"):
        finish(quadrants, device, replace(SHORT, lr=1e30))


def test_nobody_s_random_numbers_are_disturbed(quadrants: Dataset, device: str) -> None:
    def states() -> list[Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if device == "cuda" else [])]

    before = states()
    for _ in backends.train(network(), SHORT, 0, quadrants, device, "auto", never):
        assert all(torch.equal(one, other) for one, other in zip(before, states(), strict=True))
