"""The paths of a training: the fast one against the plain one, repeatability, and what happens where it cannot be."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import backends
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.loop import EpochResult, TrainingDiverged, TrainingResult
from underbudget.search.training.native import library as native_library
from underbudget.search.training.native.library import Unavailable, library

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(recipe("warp10-onecycle"), epochs=3, batch_size=16)  # 97 = 6 * 16 + 1: the last batch takes one along

try:
    library()
    REASON = ""
except Unavailable as missing:
    if "no C compiler" not in str(missing):
        raise
    REASON = str(missing)
needs_kernels = pytest.mark.skipif(bool(REASON), reason=f"the C kernels cannot be used here: {REASON}")


def network(tail: str = "") -> Plan:
    return plan(parse(f"conv3x3(6) relu bn{tail} | conv3x3(8) relu bn | maxpool2 | linear(4)"), (1, 8, 8), 4)


def finish(
    dataset: Dataset, backend: str, plan: Plan | None = None, seed: int = 0
) -> tuple[list[EpochResult], TrainingResult]:
    *epochs, result = backends.train(plan or network(), SHORT, seed, dataset, backend=backend)
    assert isinstance(result, TrainingResult)
    return [epoch for epoch in epochs if isinstance(epoch, EpochResult)], result


@needs_kernels
def test_without_dropout_both_paths_train_alike(quadrants: Dataset) -> None:
    """Same initial weights, order and warps: only rounding differs."""
    plain, slow = finish(quadrants, "plain")
    fast, quick = finish(quadrants, "native")
    assert len(plain) == len(fast) == SHORT.epochs
    for expected, got in zip(plain, fast, strict=True):
        assert (got.train_loss, got.val_loss) == pytest.approx((expected.train_loss, expected.val_loss), rel=2e-3)
        assert abs(got.train_accuracy - expected.train_accuracy) < 100 * 1.5 / 97
        assert abs(got.val_accuracy - expected.val_accuracy) < 100 * 1.5 / 41
    assert list(quick.state) == list(slow.state)
    for name, tensor in slow.state.items():
        assert quick.state[name].dtype == tensor.dtype
        torch.testing.assert_close(quick.state[name], tensor, rtol=1e-2, atol=2e-3)
    assert quick.backend.startswith("cpu float32 native ")
    assert "plain" in slow.backend


@needs_kernels
def test_a_repeated_run_is_bit_identical(quadrants: Dataset) -> None:
    outside = torch.get_rng_state()
    first, one = finish(quadrants, "auto", network(" drop0.1"))
    second, two = finish(quadrants, one.backend, network(" drop0.1"))
    other, _ = finish(quadrants, "native", network(" drop0.1"), seed=1)

    def curve(epochs: list[EpochResult]) -> list[tuple[float, float]]:
        return [(epoch.train_loss, epoch.val_loss) for epoch in epochs]

    assert curve(first) == curve(second) != curve(other)
    assert one.backend == two.backend
    assert one.confusion == two.confusion
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    assert torch.equal(outside, torch.get_rng_state())


@needs_kernels
def test_a_loss_that_is_not_finite_ends_the_run(quadrants: Dataset) -> None:
    wild = replace(SHORT, lr=1e30)
    with pytest.raises(TrainingDiverged, match="not finite in epoch 1"):
        list(backends.train(plan(parse("conv3x3(6) relu | linear(4)"), (1, 8, 8), 4), wild, 0, quadrants))


def test_without_a_compiler_the_plain_path_is_taken(
    quadrants: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native_library, "_folder", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    native_library._outcome.cache_clear()
    try:
        choice = backends.choose(network())
        assert (choice.backend, choice.reason) == ("plain", "no C compiler was found (cc, gcc or clang)")
        _, result = finish(quadrants, "auto")
        assert "plain" in result.backend
        with pytest.raises(
            UserError, match=r"native backend cannot be taken here: no C compiler .*; use the plain backend"
        ):
            finish(quadrants, "native")
        with pytest.raises(
            UserError, match=r"native backend cannot be taken here: no C compiler .*; use the plain backend"
        ):
            finish(quadrants, "cpu float32 native avx512 threads=1")
    finally:
        native_library._outcome.cache_clear()


def test_a_broken_compiler_is_a_reason_not_a_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "x.c:1: error: no such thing" >&2\nexit 4\n')
    compiler.chmod(0o755)
    monkeypatch.setattr(native_library, "_folder", lambda: tmp_path)
    monkeypatch.setenv("CC", str(compiler))
    native_library._outcome.cache_clear()
    try:
        choice = backends.choose(network())
        assert choice.backend == "plain"
        assert choice.reason == "cc failed with exit code 4: x.c:1: error: no such thing"
    finally:
        native_library._outcome.cache_clear()


def test_other_devices_take_the_plain_path() -> None:
    assert backends.choose(network(), "mps").backend == "plain"
    assert backends.choose(network(), "cuda:1").backend == "graph"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("auto", "auto"),
        ("plain", "plain"),
        ("cpu float32 channels_last plain threads=1", "plain"),
        ("cpu float32 native avx512 threads=1", "native"),
    ],
)
def test_a_recorded_path_names_a_path(text: str, name: str) -> None:
    assert backends.named(text) == name


@pytest.mark.parametrize("backend", ["plain", pytest.param("native", marks=needs_kernels), "graph"])
def test_the_path_of_a_record_computes_the_same_again(quadrants: Dataset, backend: str) -> None:
    _, first = finish(quadrants, backend, network(" drop0.1"))
    assert first.backend not in backends.BACKENDS
    _, again = finish(quadrants, first.backend, network(" drop0.1"))
    assert again.backend == first.backend
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        (
            "cpu float32 channels_last plain threads=4",
            "where the plain backend is 'cpu float32 channels_last plain thr",
        ),
        ("cuda float32 channels_last plain", "give the backend 'plain' to train it with other rounding"),
        ("cuda tf32 channels_last graph", "cannot be repeated exactly here, where the graph backend is 'cpu "),
        pytest.param(
            "cpu float32 native altivec threads=1",
            "a run recorded as 'cpu float32 native altivec threads=1' cannot be repeated exactly here",
            marks=needs_kernels,
        ),
    ],
)
def test_what_this_machine_cannot_repeat_exactly_is_refused(quadrants: Dataset, recorded: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        backends.train(network(), SHORT, 0, quadrants, backend=recorded)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_path_is_an_error() -> None:
    with pytest.raises(UserError, match="unknown backend 'fast': there are auto, plain, native, graph"):
        backends.named("fast")


def in_a_process(folder: Path, temporary: Path) -> "subprocess.Popen[str]":
    """Loads the kernels, compiled quickly, with a cache folder, and says their instruction set."""
    code = (
        "import sys, pathlib; from underbudget.search.training.native import library as l; "
        "l.OPTIONS = tuple(o for o in l.OPTIONS if o != '-O3'); "
        "l._folder = lambda: pathlib.Path(sys.argv[1]); print(l.library().isa)"
    )
    command = [sys.executable, "-c", code, str(folder)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> str:
    with process:
        return process.communicate(timeout=120)[0].strip()


@needs_kernels
def test_two_processes_may_compile_at_once(tmp_path: Path) -> None:
    both = [in_a_process(tmp_path, tmp_path) for _ in range(2)]
    assert {answer(process) for process in both} == {library().isa}
    (kept,) = tmp_path.iterdir()
    assert kept.suffix == ".so"
    assert kept.stem.endswith(f"-{hashlib.sha256(kept.read_bytes()).hexdigest()[:20]}")


@needs_kernels
def test_damaged_kernels_are_compiled_again(tmp_path: Path) -> None:
    """Half of a file would end each process that loads it by SIGBUS; a changed byte may change numbers only."""
    folder = tmp_path / "kernels"
    assert answer(in_a_process(folder, tmp_path)) == library().isa
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        kept.write_bytes(damaged)
        assert answer(in_a_process(folder, tmp_path)) == library().isa
        assert [path.read_bytes() for path in folder.iterdir()] == [whole]
    kept.rename(folder / f"{kept.stem.rpartition('-')[0]}.so")  # as an older version kept it, without a checksum
    assert answer(in_a_process(folder, tmp_path)) == library().isa
    assert kept.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["kernels"]


@needs_kernels
def test_kernels_that_cannot_be_kept_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert answer(in_a_process(tmp_path / "file" / "kernels", temporary)) == library().isa
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("backend", ["plain", pytest.param("native", marks=needs_kernels)])
@pytest.mark.parametrize("asked", [1, 4, 7, 8, 10])  # 6 steps and a validation per epoch
def test_a_halted_run_ends_before_its_next_step(quadrants: Dataset, backend: str, asked: int) -> None:
    answers = iter([False] * (asked - 1) + [True])
    torch.manual_seed(5)
    outside = torch.get_rng_state()
    results = list(
        backends.train(network(" drop0.1"), SHORT, 0, quadrants, backend=backend, should_stop=lambda: next(answers))
    )
    assert [type(result) for result in results] == [EpochResult] * ((asked - 1) // 7)
    assert next(answers, None) is None  # asked `asked` times and not once more
    assert torch.equal(outside, torch.get_rng_state())


@pytest.mark.parametrize("backend", ["plain", pytest.param("native", marks=needs_kernels)])
def test_asking_changes_nothing(quadrants: Dataset, backend: str) -> None:
    *_, asked = backends.train(network(" drop0.1"), SHORT, 0, quadrants, backend=backend, should_stop=lambda: False)
    assert isinstance(asked, TrainingResult)
    state = finish(quadrants, backend, network(" drop0.1"))[1].state
    assert all(torch.equal(asked.state[name], state[name]) for name in state)
