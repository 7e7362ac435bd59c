"""Seeds, resources, samplers, progress and requests: hand-worked values."""

import hashlib
from pathlib import Path

import pytest

from underbudget.models.errors import UserError
from underbudget.search.engines import resources
from underbudget.search.progress import Progress
from underbudget.search.session import request as requests
from underbudget.search.session.options import check
from underbudget.search.session.request import Request
from underbudget.search.study.seeds import derive


def test_a_seed_is_the_start_of_a_sha256_of_what_it_depends_on() -> None:
    expected = int(hashlib.sha256(b"7/12/training").hexdigest()[:8], 16)
    assert derive(7, 12, "training") == expected
    assert len({derive(7, 12, "sampler"), derive(7, 13, "training"), derive(8, 12, "training"), expected}) == 4


@pytest.mark.parametrize(("text", "cores"), [("200000 100000", 2.0), ("150000 100000", 1.5), ("max 100000", None)])
def test_the_cpu_quota_of_a_control_group_version_2(tmp_path: Path, text: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert resources.cgroup_cpu_quota(tmp_path) == cores


def test_the_cpu_quota_of_a_control_group_version_1(tmp_path: Path) -> None:
    assert resources.cgroup_cpu_quota(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert resources.cgroup_cpu_quota(tmp_path) == 3.0
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert resources.cgroup_cpu_quota(tmp_path) is None


def test_the_memory_left_in_a_control_group(tmp_path: Path) -> None:
    assert resources.cgroup_free_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("10\n")
    assert resources.cgroup_free_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("2000000000\n")
    (tmp_path / "memory.current").write_text("500000000\n")
    assert resources.cgroup_free_memory(tmp_path) == 1_500_000_000


def test_little_memory_means_fewer_workers_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "usable_cores", lambda: (8, "one per core, 8 here"))
    monkeypatch.setattr(resources, "_free_memory", lambda: (2_000_000_000, "free memory"))
    workers = resources.usable_workers()
    assert workers.count == 2
    assert "2.0 GB of free memory" in workers.reason
    monkeypatch.setattr(resources, "_free_memory", lambda: (64_000_000_000, "free memory"))
    assert resources.usable_workers() == resources.Workers(8, "one per core, 8 here")


def test_progress_counts_front_best_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress(goal=10, epochs=5, complete=3, stopped=1)
    progress.points = [(100, 90.0, 0), (200, 95.0, 1), (150, 89.0, 2), (200, 95.0, 3), (300, 95.0, 4)]
    assert progress.done == 4
    assert progress.front_size == 2
    assert progress.best == (200, 95.0, 1)
    assert progress.seconds_left is None
    progress.running = {7: 2, 8: 3}
    progress.session_epochs, progress.first_job = 10, 100.0
    monkeypatch.setattr("underbudget.search.progress.time.monotonic", lambda: 120.0)
    assert progress.epochs_per_second == pytest.approx(0.5)
    assert progress.seconds_left == pytest.approx((6 * 5 - 5) / 0.5)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("45", 45), ("0.5h", 1800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert requests.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2x", "-3m", "0s", "1m2h", "٣s", "1e5", "inf", "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UserError, match="duration"):
        requests.parse_duration(text)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(trials=-3), "--trials is a whole number from 1 to 1000000, not -3"),
        (Request(workers=0), "--workers is a whole number from 1 to 1024, not 0"),
        (Request(epochs=0), "--epochs"),
        (Request(seed=-1), "--seed"),
        (Request(lr=0.0), "--lr"),
        (Request(lr=float("nan")), "--lr"),
        (Request(target=0.994), "did you mean 99.4?"),
        (Request(target=101.0), "--target is an accuracy in percent"),
        (Request(batch_size="1"), "--batch-size"),
        (Request(batch_size="ten"), "--batch-size is auto or a whole number"),
        (Request(precision="float16"), "--precision is float32 or int8"),
        (Request(sampler="grid"), "--sampler is tpe or random"),
        (Request(start_from="nothing"), "--start-from"),
        (Request(timeout="soon"), "duration"),
        (Request(engine="ray"), "--engine is processes or in-process"),
        (Request(timeout=3600), "--timeout is text, not 3600"),  # type: ignore[arg-type]
        (Request(batch_size=2.5), "--batch-size is a whole number or text, not 2.5"),  # type: ignore[arg-type]
        (Request(lr="0.1"), "--lr is a number, not '0.1'"),  # type: ignore[arg-type]
        (Request(dataset=5), "--dataset is the name of a data set or a path, not int"),  # type: ignore[arg-type]
        (Request(trials=True), "--trials is a whole number, not True"),
    ],
)
def test_options_out_of_range(request_: Request, words: str) -> None:
    with pytest.raises(UserError) as caught:
        check(request_)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flags_go_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "search.toml"
    path.write_text('dataset = "digits"\ntrials = 7\nbatch-size = 32\nbudget = ["params<9k"]\n[space]\nn_before = 2\n')
    request = Request(trials=9, seed=0).over(requests.read_config(path))
    assert request.dataset == "digits"
    assert request.trials == 9
    assert request.seed == 0
    assert request.batch_size == 32
    assert request.budget == ["params<9k"]
    assert request.space == {"n_before": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trails = 3", "unknown key 'trails', did you mean trials?"),
        ("trials = true", "trials is a whole number"),
        ('trials = "3"', "trials is a whole number, not '3'"),
        ("trials = ", "is not TOML"),
        ("space = 3", "space is a table"),
    ],
)
def test_a_file_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "search.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        requests.read_config(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_that_asks_the_same() -> None:
    request = Request("d1", dataset="digits", budget=["params<8000"], trials=3, batch_size="auto", runs='my "runs"')
    assert request.command() == (
        "underbudget launch d1 --dataset digits --budget 'params<8000' --trials 3 --batch-size auto "
        "--runs 'my \"runs\"'"
    )
