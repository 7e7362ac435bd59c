"""Compares search methods on simulated trainings, in seconds per search. See docs/search-methods.md.

    python benchmarks/compare_methods.py                                   # all methods, 20 seeds, 100 trained trials
    python benchmarks/compare_methods.py --methods random,tpe,tpe+front --seeds 5
    python benchmarks/compare_methods.py --docs                            # puts table and figure into docs/ as well

A method is SAMPLER or SAMPLER+STOPPING (benchmarks/lab/methods.py: a new one is one line there). Every search is a file
runs/lab/METHOD-...-SEED.json: what is there is not run again, so an interrupted comparison goes on; a file made by
other code (samplers, stopping, space, lab, coefficients ...) is run anew by itself. A search goes on until both
`--trials` are trained and `--share` of random's epochs are spent, so that "epochs to random's hypervolume" is known up
to that share; everything else is measured at `--trials`. Shares are paired, seed by seed, against `random`, which is
therefore always run.
"""

import argparse
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import subprocess
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: searches run side by side
from rich.console import Console
from rich.progress import track

from lab import report
from lab.methods import method
from lab.searching import Search, search, search_from_json
from underbudget.budget.limits import Budget
from underbudget.models.errors import UserError
from underbudget.search.sampling import samplers

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 15  # of a training
DEFAULT = (
    "random,random+front,random+mo-asha,tpe,tpe+front,tpe+mo-asha,optuna-tpe,optuna-tpe+front,optuna-tpe-blind,"
    "optuna-tpe-blind+front,optuna-default,optuna-default+front,optuna-nsga2,optuna-nsga2+front"
)
# Code that decides how a search goes: of every method, of stock samplers, of the program's own, of stopping.
COMMON = (
    "search/session/coordinator.py",
    "search/sampling/proposer.py",
    "search/study/settings.py",
    "search/space/*.py",
    "search/lab/*.json",
    "benchmarks/lab/curves.py",
    "benchmarks/lab/engine.py",
    "benchmarks/lab/features.py",
    "benchmarks/lab/searching.py",
    "budget/*.py",
)
STOCK = ("benchmarks/lab/stock.py",)
OWN = ("search/sampling/samplers.py", "search/sampling/sampler_study.py", "search/study/objective.py")
STOPPING = ("search/stopping/*.py", "search/study/objective.py")


@dataclass(frozen=True)
class Conditions:
    """What a stored search must have been run under."""

    trials: int
    epochs: int  # to be spent at least
    workers: int  # simulated
    budget: str


def fingerprint(name: str) -> str:
    """Of all code that decides how a method's searches go."""
    sampler, _, stopping = name.partition("+")
    patterns = {*COMMON, *(OWN if sampler in samplers.SAMPLERS else STOCK), *(STOPPING if stopping else ())}
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def commit() -> str:
    """Of the checkout, marked where it has changes; "unknown" without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def searched(name: str, seed: int, conditions: Conditions, code: str, folder: Path) -> Search:
    """One search, from its file where it was run under the same conditions by the same code."""
    budget = "".join(letter if letter.isalnum() else "_" for letter in conditions.budget)
    file = folder / f"{name}-{budget}-{conditions.trials}x{conditions.workers}-{seed}.json"
    under = {**asdict(conditions), "code": code}
    if file.exists():
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["conditions"] == under:
            return search_from_json(stored["search"])
    result = search(method(name), seed, conditions.trials, conditions.workers, conditions.budget, conditions.epochs)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"conditions": under, "search": result.to_json()}), encoding="utf-8")
    draft.replace(file)
    return result


def end_with_parent() -> None:
    """In a worker process: end when the comparison is killed, which would otherwise leave it waiting for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def compare(names: list[str], seeds: int, conditions: Conditions, folder: Path, processes: int) -> report.Found:
    """All searches of the methods, seed by seed."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context, end_with_parent) as pool:
        jobs = [
            (name, pool.submit(searched, name, seed, conditions, code, folder))
            for name, code in [(name, fingerprint(name)) for name in names]  # now, as the workers import it
            for seed in range(seeds)
        ]
        found: report.Found = {name: [] for name in names}
        for name, job in track(jobs, "searching", console=Console(stderr=True)):
            found[name].append(job.result())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=DEFAULT, help="comma-separated, default: %(default)s")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100, help="trained trials of a search")
    parser.add_argument("--share", type=float, default=0.5, help="of random's epochs that are spent at least")
    parser.add_argument("--workers", type=int, default=2, help="processes that run searches side by side")
    parser.add_argument("--simulated-workers", type=int, default=2, help="workers inside each search")
    parser.add_argument("--budget", default="params<8000")
    parser.add_argument("--target", type=float, help="percent; the median of random's best if left out")
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "lab")
    parser.add_argument("--docs", action="store_true", help="write docs/search-methods.{md,png} from this comparison")
    options = parser.parse_args()
    names = list(dict.fromkeys([report.BASE, *options.methods.split(",")]))
    if min(options.seeds, options.trials, options.workers, options.simulated_workers) < 1 or options.share < 0:
        parser.error("--seeds, --trials, --workers and --simulated-workers are at least 1, --share at least 0")
    try:
        Budget.parse(options.budget)
        for name in names:
            method(name)
    except UserError as error:
        parser.error(str(error))
    options.results.mkdir(parents=True, exist_ok=True)
    epochs = round(options.share * options.trials * EPOCHS)
    conditions = Conditions(options.trials, epochs, options.simulated_workers, options.budget)
    found = compare(names, options.seeds, conditions, options.results, options.workers)
    rows = report.rows(found, options.trials, options.target)
    Console(width=200).print(report.terminal_table(rows))
    if options.docs:
        report.write_docs(found, rows, {**asdict(conditions), "commit": commit()}, ROOT / "docs")


if __name__ == "__main__":
    main()
