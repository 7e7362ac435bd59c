"""How busy are a search's workers from the first job's start to the last submission? The mark is 95 %.

    python benchmarks/busy.py [--dataset digits] [--trials 20] [--epochs 15] [--workers N] [--slow-commits 0.1]

A real search in a temporary folder. `--slow-commits` lets every commit of the database take so many seconds longer: a
slow database must not stall a training. Results go to benchmarks/results/busy-DATE.jsonl, a line per run.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session as DatabaseSession

from underbudget.search.engines.job import Engine
from underbudget.search.session import resolving, running
from underbudget.search.session.request import Request
from underbudget.search.session.resolving import Session
from underbudget.search.training.environment import processor, versions

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Search, print, append."""
    parser = argparse.ArgumentParser(description="Measure how busy the workers of a search are.")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data-dir")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device")
    parser.add_argument("--slow-commits", type=float, default=0.0, help="seconds that each commit takes longer")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.slow_commits:
        event.listen(DatabaseSession, "before_commit", lambda session: time.sleep(options.slow_commits))
    engines: list[Engine] = []

    def engine(session: Session) -> Engine:
        engines.append(running.make_engine(session))
        return engines[0]

    with tempfile.TemporaryDirectory() as runs:
        request = Request(
            study="busy",
            runs=runs,
            **{
                name: getattr(options, name)
                for name in ("dataset", "data_dir", "trials", "epochs", "workers", "device")
            },
        )
        session = resolving.prepare(request)
        started = time.perf_counter()
        outcome = running.run(session, engine=engine)
        seconds = time.perf_counter() - started
    share = engines[0].busy_share()
    result = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "busy_share": share,
        "seconds": seconds,
        "outcome": outcome.why,
        "dataset": options.dataset,
        "trials": options.trials,
        "epochs": options.epochs,
        "workers": session.workers,
        "device": session.device,
        "slow_commits": options.slow_commits,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions(),
    }
    output = options.output or ROOT / "benchmarks" / "results" / f"busy-{time.strftime('%Y-%m-%d')}.jsonl"
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    shown = "not measured: nothing was submitted after the first job began" if share is None else f"{100 * share:.1f} %"
    print(
        f"workers busy: {shown} ({options.dataset}, {options.trials} trials of {options.epochs} epochs, "
        f"{session.workers} workers, {seconds:.0f} s)"
    )


if __name__ == "__main__":
    main()
