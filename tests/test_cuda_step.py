"""The static training step, which CUDA graphs record, computed on the CPU against the plain loop."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import ClassVar

import pytest
import torch

from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import loop
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.cuda import train as static
from underbudget.search.training.cuda.capture import CaptureFailed, Gate, capture, gate
from underbudget.search.training.loop import EpochResult, TrainingDiverged, TrainingResult
from underbudget.search.training.randomness import global_generators
from underbudget.search.training.recipe import Augmentation, Erasing, Jitter, Masks, Perspective, Recipe
from underbudget.search.training.schedule import Cosine, OneCycle, Plateau

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(recipe("warp10-onecycle"), epochs=3, batch_size=16)  # 97 = 6 * 16 + 1: the last batch takes one along
FULL = Augmentation(
    SHORT.augmentation.warps, Perspective(0.3, 0.5), Jitter(0.2, 0.2), Erasing(0.5), 0.5, Masks(0.2, 0.2), "mean"
)
RECIPES = [
    SHORT,
    replace(SHORT, name="sgd", batch_size=19, nesterov=True, weight_decay=1e-3, schedule=Cosine()),
    replace(SHORT, name="adam", optimizer="adam", lr=0.01, weight_decay=1e-3, schedule=OneCycle()),
    replace(SHORT, name="adamw", optimizer="adamw", lr=0.01, weight_decay=0.1, beta2=0.99, ema=0.9),
    replace(SHORT, name="everything", label_smoothing=0.1, ema=0.8, augmentation=FULL, schedule=Plateau(0.1, 0)),
]


def network(text: str = "conv3x3(6) relu bn drop0.2 | conv3x3(8) relu bn | maxpool2 | linear(4)") -> Plan:
    return plan(parse(text), (1, 8, 8), 4)


Train = Callable[..., object]
static_train = partial(loop.train, run_class=static.StaticRun)


def finish(
    train: Train, dataset: Dataset, recipe: Recipe = SHORT, seed: int = 3, **options: object
) -> tuple[list[EpochResult], TrainingResult]:
    *epochs, result = train(network(), recipe, seed, dataset, **options)  # type: ignore[misc]
    assert isinstance(result, TrainingResult)
    return epochs, result


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_it_trains_as_the_plain_loop_does(quadrants: Dataset, recipe: Recipe) -> None:
    """The same images, warps, dropout masks and formulas: only rounding differs."""
    plain, expected = finish(loop.train, quadrants, recipe)
    ours, got = finish(static_train, quadrants, recipe, device="cpu")
    assert len(plain) == len(ours) == recipe.epochs
    for one, other in zip(plain, ours, strict=True):
        assert (other.train_loss, other.val_loss) == pytest.approx((one.train_loss, one.val_loss), rel=1e-4)
        assert other.train_accuracy == pytest.approx(one.train_accuracy, abs=100 * 1.5 / 97)
        assert other.val_accuracy == pytest.approx(one.val_accuracy, abs=100 * 1.5 / 41)
    assert list(got.state) == list(expected.state)
    for name, tensor in expected.state.items():
        assert got.state[name].dtype == tensor.dtype
        torch.testing.assert_close(got.state[name], tensor, rtol=1e-3, atol=1e-4)
    assert got.backend == "cpu float32 channels_last graph uncaptured threads=1"


def test_warm_up_steps_leave_no_trace(quadrants: Dataset) -> None:
    """Weights, batch norm's statistics and counters, momentum, averages and dropout's random numbers."""
    results = []
    for rehearsals in (0, 2):
        run = static.StaticRun(network(), RECIPES[3], 3, quadrants, torch.device("cpu"))
        for _ in range(rehearsals):
            run.static_step.rehearse([17, 16])
        losses = [run.epoch(epoch, loop.never) for epoch in (1, 2)]
        results.append((losses, run.validate(), run.state()))
    (first, judged, state), (again, judged_again, state_again) = results
    assert first == again
    assert judged == judged_again
    assert all(torch.equal(state[name], state_again[name]) for name in state)


def test_warm_up_in_the_middle_of_a_run_leaves_no_trace_either(quadrants: Dataset) -> None:
    once, twice = (static.StaticRun(network(), SHORT, 3, quadrants, torch.device("cpu")) for _ in range(2))
    for run in (once, twice):
        run.epoch(1, loop.never)
    twice.static_step.rehearse([16])
    assert once.running(97) == twice.running(97)
    assert once.epoch(2, loop.never) == twice.epoch(2, loop.never)


def test_a_repeated_run_is_bit_identical_and_disturbs_nobody_s_random_numbers(quadrants: Dataset) -> None:
    before = torch.get_rng_state()
    first, one = finish(static_train, quadrants, device="cpu")
    second, two = finish(static_train, quadrants, device="cpu")
    assert [epoch.val_loss for epoch in first] == [epoch.val_loss for epoch in second]
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    assert torch.equal(before, torch.get_rng_state())


def test_runs_in_turns_and_in_threads_are_as_runs_alone(quadrants: Dataset) -> None:
    """Results do not depend on how trials interleave: no run draws from a generator that it shares."""

    def state(seed: int) -> dict[str, torch.Tensor]:
        return finish(static_train, quadrants, seed=seed, device="cpu")[1].state

    alone = [state(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(state, range(3)))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_halted_run_ends_before_its_next_replay(quadrants: Dataset) -> None:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 8  # six replays per epoch and its validation are seven times

    said = list(static_train(network(), SHORT, 0, quadrants, "cpu", should_stop))
    assert [type(part) for part in said] == [EpochResult]


def test_a_loss_that_is_not_finite_ends_the_run(quadrants: Dataset) -> None:
    with pytest.raises(TrainingDiverged, match="not finite in epoch 1"):
        finish(static_train, quadrants, replace(SHORT, lr=1e30), device="cpu")


@pytest.mark.parametrize(
    ("images", "batch", "steps", "most", "expected"),
    [
        (50_000, 128, 391, 8, [(128, 8)] * 48 + [(128, 1)] * 6 + [(80, 1)]),
        (96, 16, 6, 4, [(16, 4), (16, 1), (16, 1)]),
        (97, 16, 6, 8, [(16, 1)] * 5 + [(17, 1)]),  # the last image joins the batch before it
        (16, 16, 1, 8, [(16, 1)]),
        (17, 16, 1, 8, [(17, 1)]),
    ],
)
def test_an_epoch_is_cut_into_replays(
    images: int, batch: int, steps: int, most: int, expected: list[tuple[int, int]]
) -> None:
    cut = loop.batches(images, batch, steps, most)
    assert cut == expected
    assert sum(size * repeats for size, repeats in cut) == images


def free() -> bool:
    """Whether another thread may draw from the global generators now."""

    def take() -> bool:
        taken = global_generators.acquire(blocking=False)
        if taken:
            global_generators.release()
        return taken

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take).result()


class Graph:
    """What a CUDA graph does, on the CPU: it keeps the calls of a capture for its replay, and notes what it is told."""

    told: ClassVar[list[str]] = []
    fails = False

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.told.append("register")

    def capture_begin(self, pool: object = None, capture_error_mode: str = "global") -> None:
        assert capture_error_mode == "thread_local"
        assert not free()
        assert gate._alone
        self.told.append("begin" if pool is None else f"begin in {pool}")
        if self.fails:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    def capture_end(self) -> None:
        self.told.append("end")

    def pool(self) -> str:
        return "the pool"

    def replay(self) -> None:
        assert gate._passing == 1
        self.told.append("replay")

    def reset(self) -> None:
        self.told.append("reset")


def test_a_capture_registers_the_generator_and_shares_memory(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Graph, "told", [])
    run = static.StaticRun(network(), SHORT, 3, quadrants, torch.device("cpu"))
    taken: list[int] = []
    monkeypatch.setattr(type(run.static_step), "__call__", lambda step, size: taken.append(size))
    recording = capture(run.static_step, [(16, 5), (17, 1)], Graph)  # type: ignore[arg-type]
    warm_up = [17] * 3 + [16] * 3
    assert taken == warm_up + [16] * 5 + [17]
    assert Graph.told == ["register", "begin", "end", "register", "begin in the pool", "end"]
    assert free()
    recording.replay((17, 1))
    recording.close()
    assert Graph.told[6:] == ["replay", "reset", "reset"]


def test_a_capture_that_fails_says_why_and_the_run_goes_on_without(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Graph, "fails", True)
    expected = finish(static_train, quadrants, device="cpu")[1]
    run = static.StaticRun(network(), SHORT, 3, quadrants, torch.device("cpu"))
    with pytest.raises(CaptureFailed, match=r"^CUDA error: operation not permitted when stream is capturing more$"):
        capture(run.static_step, [(16, 1)], Graph)  # type: ignore[arg-type]
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    run.record()
    assert "not recorded as a CUDA graph" in caplog.text
    assert run.recording is None
    for epoch in (1, 2, 3):
        run.epoch(epoch, loop.never)
    assert all(torch.equal(run.state()[name], expected.state[name]) for name in expected.state)


def test_a_capture_without_memory_is_no_reason_to_go_on_slower(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = static.StaticRun(network(), SHORT, 3, quadrants, torch.device("cpu"))

    def no_memory(step: object, size: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(run.static_step), "__call__", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        capture(run.static_step, [(16, 1)], Graph)  # type: ignore[arg-type]
    assert free()


def test_many_pass_the_gate_or_one_alone() -> None:
    """Threads count themselves in and out; nobody who is alone ever sees another."""
    door, inside, seen = Gate(), [0, 0], set[tuple[int, int]]()
    lock = threading.Lock()

    def move(which: int, change: int) -> None:
        with lock:
            inside[which] += change
            seen.add((inside[0], inside[1]))

    def work(number: int) -> None:
        for _ in range(200):
            with door.alone() if number % 3 == 0 else door.passing():
                move(number % 3 == 0, 1)
                time.sleep(0)
                move(number % 3 == 0, -1)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert all(alone <= 1 and (not alone or not passing) for passing, alone in seen)
    assert (0, 1) in seen


def test_several_pass_the_gate_together() -> None:
    door, met = Gate(), threading.Barrier(3, timeout=60)

    def work(number: int) -> None:
        with door.passing():
            met.wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
