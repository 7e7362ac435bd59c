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
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import optuna
import simulated
import studies

from underbudget.budget.limits import Budget
from underbudget.reports.reading import read_study
from underbudget.reports.writing import write_report
from underbudget.search.sampling.proposer import Proposer
from underbudget.search.stopping import Stopping
from underbudget.search.study.opening import open_study
from underbudget.search.study.settings import Settings
from underbudget.search.training.environment import processor, versions

ROOT = Path(__file__).resolve().parents[1]


def seconds_of(call: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


EPOCHS = 15
TURNS = 30  # trials over which the coordinator's overhead is taken


def search(trials: int, turns: int) -> dict[str, float]:
    """What the coordinator spends per trial, and a proposal, in a study that already has `trials` trained trials.

    Per trial: propose, store, 15 epochs stored and judged for early stopping, weights written, told; SQLite. Proposals:
    ours against a bare ask, the same suggestions and tell with stock samplers on the same study, in turns.
    """
    fixed = simulated.settings("params<8000", epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulated.search(folder, trials, fixed, sampler="random")
        trained = seconds_of(lambda: simulated.search(folder, trials + 1, fixed, early=Stopping("front")))
        trained = (
            seconds_of(lambda: simulated.search(folder, trials + 1 + TURNS, fixed, early=Stopping("front"))) - trained
        )
        with open_study(simulated.location(folder), fixed) as (study, _):
            return {
                "trials": trials,
                "coordinator_seconds_per_trial": trained / (TURNS - 1),
                **_proposals(study, fixed, turns),
            }


def _proposals(study: optuna.Study, fixed: Settings, turns: int) -> dict[str, float]:
    times: dict[str, list[float]] = {"rejected": [], "bare_random": [], "tpe": [], "bare_tpe": []}
    tight = replace(fixed, budget=Budget.parse("params<8000, macs<=1000"))  # nothing fits
    for _ in range(turns):
        proposer = Proposer(study, tight, "random")
        times["rejected"].append(seconds_of(proposer.propose))
        times["bare_random"].append(seconds_of(lambda: _bare(study, fixed, optuna.samplers.RandomSampler(0))))
        proposer = Proposer(study, fixed, "tpe")
        times["tpe"].append(seconds_of(proposer.propose))
        running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        for trial in running:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        stock = optuna.samplers.TPESampler(
            n_startup_trials=0, multivariate=True, group=True, constant_liar=False, seed=0
        )
        times["bare_tpe"].append(seconds_of(lambda: _bare(study, fixed, stock)))  # noqa: B023, called at once
    return {f"{name}_seconds": statistics.median(values) for name, values in times.items()}


def _stock_tpe() -> optuna.samplers.TPESampler:
    return optuna.samplers.TPESampler(n_startup_trials=0, multivariate=True, group=True, constant_liar=False, seed=0)


def _bare(study: optuna.Study, fixed: Settings, sampler: optuna.samplers.BaseSampler) -> None:
    study.sampler = sampler
    trial = study.ask()
    fixed.space.sample(trial)
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)


def worker_start() -> float:
    """From starting a worker process to its being ready for a job."""
    command = [sys.executable, "-P", "-m", "underbudget.search.engines.worker"]
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
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    parts: dict[str, Callable[[], Any]] = {
        "help_seconds": lambda: statistics.median(help_text() for _ in range(5)),
        "worker_start_seconds": lambda: statistics.median(worker_start() for _ in range(3)),
        "search": lambda: search(options.trials, options.turns),
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
