"""Collects the learning curves of finished MNIST studies into one small file for the laboratory's fit.

    python benchmarks/record_curves.py STUDY.db [STUDY.db ...]      # writes benchmarks/results/lab-curves.json

Complete trials only, read without touching the databases. An architecture trained twice stands there twice: that is
what the spread between runs is estimated from.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.reports.reading import list_studies, read_study

ROOT = Path(__file__).resolve().parents[1]
CURVES = ROOT / "benchmarks" / "results" / "lab-curves.json"


def curves_of(database: Path) -> list[dict[str, Any]]:
    """One entry per complete trial of every study in a database."""
    url = f"sqlite:///{database}"
    return [
        {
            "study": name,
            "seed": trial.proposal.seed,
            "layers": trial.proposal.layers_text,
            "val_accuracy": [epoch.val_accuracy for epoch in trial.curve],
            "seconds": round(sum(epoch.seconds for epoch in trial.curve) / len(trial.curve), 3),
        }
        for name in list_studies(url)
        for study in [read_study(url, name)]
        for trial in study.trials
        if trial.state == "complete" and trial.proposal is not None
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("databases", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=CURVES)
    options = parser.parse_args()
    try:
        curves = [entry for database in options.databases for entry in curves_of(database)]
    except UserError as error:
        parser.error(str(error))
    lines = ",\n".join(json.dumps(entry) for entry in curves)
    options.output.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    distinct = len({entry["layers"] for entry in curves})
    print(f"{len(curves)} curves of {distinct} architectures in {options.output}")


if __name__ == "__main__":
    main()
