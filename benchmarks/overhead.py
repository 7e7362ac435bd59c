"""What the search costs beside the trainings: proposals, worker start-up, reports, `--help`. `make bench`.

    python benchmarks/overhead.py [--trials 1000] [--report-trials 5000]

Studies are simulated (tests/simulated.py, tests/studies.py): no training takes place. Times are wall times, medians;
compared ones are taken in turns. Results go to benchmarks/results/overhead-DATE.json and to the terminal.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import optuna
import simulated
import studies

from reports.reading import read_study
from reports.writing import write_report
from search.proposals import Proposer
from search.samplers import sampler_for
from search.study import open_study
from search.training.environment import processor, versions

ROOT = Path(__file__).resolve().parents[1]


def seconds_of(call: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def proposals(trials: int, turns: int) -> dict[str, float]:
    """A rejected proposal against a bare ask, suggest and tell, in a study that already has `trials` trials."""
    fixed = simulated.settings(["params<8000", "macs<=300K"])  # half of random proposals break it
    rejected, bare = [], []
    with tempfile.TemporaryDirectory() as name, open_study(simulated.place(Path(name)), fixed) as study:
        proposer = Proposer(study, fixed, "random")  # quick, and it finds the limit often
        for _ in range(trials):
            judged = proposer.propose(0)
            if not judged.reason:
                study.tell(judged.trial, [float(judged.proposal.cost.params), 90.0])
        proposer = Proposer(study, fixed, "tpe")
        while len(rejected) < turns:
            started = time.perf_counter()
            judged = proposer.propose(trials)
            elapsed = time.perf_counter() - started
            if not judged.reason:
                study.tell(judged.trial, state=optuna.trial.TrialState.PRUNED)
                continue
            rejected.append(elapsed)
            bare.append(_bare(study, fixed))
            proposer = Proposer(study, fixed, "tpe")  # it counts the trials it makes: the bare one was another's
    times = [statistics.median(rejected), statistics.median(bare)]
    return {
        "trials": trials,
        "rejected_proposal_seconds": times[0],
        "bare_ask_and_tell_seconds": times[1],
        "ratio": times[0] / times[1],
    }


def _bare(study: optuna.Study, fixed: Any) -> float:
    started = time.perf_counter()
    study.sampler = sampler_for("tpe", fixed.seed, len(study.get_trials(deepcopy=False)), 1000)
    trial = study.ask()
    fixed.space.sample(trial)
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return time.perf_counter() - started


def worker_start() -> float:
    """From starting a worker process to its being ready for a job."""
    command = [sys.executable, "-P", "-m", "search.engines.worker"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        elapsed = time.perf_counter() - started
        process.stdin.close()
    return elapsed


def report(trials: int) -> float:
    """Reading a study of so many trials and writing its report."""
    with tempfile.TemporaryDirectory() as name:
        url = studies.make_study(Path(name) / "study.db", studies.sample(trials))
        return seconds_of(lambda: write_report(read_study(url, "demo"), Path(name) / "report"))


def help_text() -> float:
    """`underbudget --help`, started as a process."""
    command = [sys.executable, "-m", "underbudget", "--help"]
    return seconds_of(lambda: subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True))


def main() -> None:
    """Measure, write, print. A part that cannot run says why, the others go on."""
    parser = argparse.ArgumentParser(description="Measure what a search costs beside the trainings.")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--report-trials", type=int, default=5000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parts: dict[str, Callable[[], Any]] = {
        "help_seconds": lambda: statistics.median(help_text() for _ in range(5)),
        "worker_start_seconds": lambda: statistics.median(worker_start() for _ in range(3)),
        "proposals": lambda: proposals(options.trials, options.turns),
        "report_seconds": lambda: report(options.report_trials),
    }
    result: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions() | {"optuna": optuna.__version__},
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "report_trials": options.report_trials,
    }
    for name, part in parts.items():
        try:
            result[name] = part()
        except Exception as error:
            result[name] = f"not measured: {error}"
        print(f"{name}: {result[name]}", flush=True)
    output = options.output or ROOT / "benchmarks" / "results" / f"overhead-{time.strftime('%Y-%m-%d')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {output}")


if __name__ == "__main__":
    main()
