"""Compares search methods on simulated trainings, in seconds per search. See docs/search-methods.md.

    python benchmarks/lab.py                                       # all methods, 20 seeds, 100 trained trials
    python benchmarks/lab.py --methods random,tpe,tpe+front --seeds 5
    python benchmarks/lab.py --docs                                # writes the table and figure of the docs as well

A method is SAMPLER or SAMPLER+STOPPING (search/lab/methods.py: a new one is one line there). Every search is a file
runs/lab/METHOD-...-SEED.json: what is there is not run again, so an interrupted comparison goes on; a file made by
other code (samplers, space, lab, coefficients ...) is run anew by itself. Shares are paired: seed by seed against
`random`, which is therefore always run.
"""

import argparse
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table

from search.lab import measures
from search.lab.methods import method
from search.lab.searching import Search, search, search_from_json

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = ",".join(
    f"{sampler}{stopping}"
    for sampler in ("random", "tpe", "optuna-tpe", "optuna-tpe-blind", "optuna-default", "optuna-nsga2")
    for stopping in ("", "+front", "+mo-asha")
)
BASE = "random"
SOURCES = (
    "search/samplers.py",
    "search/coordinator.py",
    "search/proposals.py",
    "search/view.py",
    "search/objective.py",
    "search/stopping/*.py",
    "search/settings.py",
    "search/space/*.py",
    "search/lab/*.py",
    "search/lab/*.json",
    "budget/*.py",
)


def fingerprint() -> str:
    """Of all code that decides how a search goes."""
    files = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def searched(name: str, seed: int, trials: int, workers: int, budget: str, folder: Path, mark: str) -> Search:
    """One search, from its file where there is one of the same code."""
    conditions = {"trials": trials, "workers": workers, "budget": budget, "fingerprint": mark}
    file = folder / f"{name}-{budget.replace('<', '_')}-{trials}x{workers}-{seed}.json"
    if file.exists():
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["conditions"] == conditions:
            return search_from_json(stored["search"])
    result = search(method(name), seed, trials, workers, budget)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"conditions": conditions, "search": result.to_json()}), encoding="utf-8")
    draft.replace(file)
    return result


def table(found: dict[str, list[Search]], target: float | None) -> Table:
    """A row per method; medians over seeds, with 95 % bootstrap intervals."""
    best_known = max(measures.best(one) for searches in found.values() for one in searches)
    target = target if target is not None else round(float(np.median([measures.best(one) for one in found[BASE]])), 2)
    result = Table(title=f"medians over {len(found[BASE])} seeds [95 % bootstrap interval]", show_lines=True)
    result.add_column("method", no_wrap=True)
    for name in (
        "epochs",
        "hypervolume %",
        "hypervolume log",
        "share of random's epochs %",
        "the same, log",
        f"trials to {target}",
        "over budget %",
        f"regret to {best_known:.2f}",
        "s",
    ):
        result.add_column(name, justify="right")
    for name, searches in found.items():
        shares = {space: paired_shares(found[BASE], searches, space) for space in measures.SPACES}
        result.add_row(
            name,
            f"{np.median([one.trained[-1].spent for one in searches]):.0f}",
            *(
                shown(
                    [measures.volume(one.trained, one.reference, space) for one in searches], 3 if space == "log" else 2
                )
                for space in measures.SPACES
            ),
            *(shown(shares[space], 0) for space in measures.SPACES),
            shown([measures.trials_to(one, target) for one in searches], 0),
            shown([measures.over_budget(one) for one in searches], 1, np.mean),
            shown([best_known - measures.best(one) for one in searches], 3),
            f"{np.median([one.wall_seconds for one in searches]):.1f}",
        )
    return result


def paired_shares(base: list[Search], searches: list[Search], space: str) -> list[float]:
    """Per seed: epochs to the hypervolume that random ends with, in percent of all epochs that random spends."""
    return [
        100
        * measures.epochs_to(one, measures.volume(other.trained, other.reference, space), space)
        / other.trained[-1].spent
        for other, one in zip(base, searches, strict=True)
    ]


def shown(values: list[float], digits: int, statistic=np.median) -> str:
    """A statistic with its interval."""
    return "{} [{}, {}]".format(
        *("never" if np.isinf(value) else f"{value:.{digits}f}" for value in measures.band(values, statistic))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=DEFAULT, help="comma-separated")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100, help="trained trials of a search")
    parser.add_argument("--workers", type=int, default=2, help="processes that run searches side by side")
    parser.add_argument("--simulated-workers", type=int, default=2, help="workers inside each search")
    parser.add_argument("--budget", default="params<8000")
    parser.add_argument("--target", type=float, help="percent; the median of random's best if left out")
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "lab")
    options = parser.parse_args()
    names = list(dict.fromkeys([BASE, *options.methods.split(",")]))
    for name in names:
        method(name)  # a wrong name ends here
    options.results.mkdir(parents=True, exist_ok=True)
    mark = fingerprint()
    found: dict[str, list[Search]] = {name: [] for name in names}
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(options.workers, context) as pool:
        jobs = {
            name: [
                pool.submit(
                    searched,
                    name,
                    seed,
                    options.trials,
                    options.simulated_workers,
                    options.budget,
                    options.results,
                    mark,
                )
                for seed in range(options.seeds)
            ]
            for name in names
        }
        for name, pending in jobs.items():
            found[name] = [job.result() for job in pending]
            print(f"{name}: done", file=sys.stderr)
    Console(width=200).print(table(found, options.target))


if __name__ == "__main__":
    main()
