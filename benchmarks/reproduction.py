"""The published series and the ingredients of one network, measured on real MNIST by the program's own commands.

    python benchmarks/reproduction.py --data-dir DIR [--output DIR] [--series saish,tharun] [--seeds 3] [--workers 2]

What is finished is not trained again, so the script may be stopped and started at will; it ends when all is there.
First come the four networks that docs/series.md promises figures for, then the other steps of at most --max-params
parameters, then the ablation. Under the `published` protocol the test set is read after each epoch, and each reading is
counted beside the prepared data set.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
from underbudget.search.commands.main import run

# Mean accuracy of the last epoch over 3 seeds that is to be reached, percent.
WANTED = {"saish-m4": 99.40, "tharun-m6": 99.30, "mkthoma-m8": 99.25, "pankaja-m7": 99.35}
SERIES = ("saish", "tharun", "mkthoma", "pankaja", "gmshashank")


def main() -> int:
    """Run what is missing, then print what was reached. 0 where every measured network of WANTED reached it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder that holds MNIST")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="the runs folder")
    parser.add_argument("--series", default=",".join(SERIES), help="in this order")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="instead of the published ones: for a trial of this script")
    parser.add_argument("--workers", type=int, help="trainings at a time")
    parser.add_argument("--max-params", type=int, default=20_000)
    parser.add_argument("--ablate", default="saish-m4", help='a reference, or "" for none')
    parser.add_argument("--dataset", default="mnist")
    options = parser.parse_args()
    usual = ["--seeds", str(options.seeds), "--runs", str(options.output), "--dataset", options.dataset]
    for name in ("data_dir", "epochs", "workers"):
        if getattr(options, name) is not None:
            usual += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    chosen = [name for name in options.series.split(",") if name]
    limit = ["--max-params", str(options.max_params)]
    for name in chosen:
        first = [step for step in WANTED if step.startswith(f"{name}-")]
        if first and run(["series", name, *usual, *limit, "--steps", ",".join(first)]):
            return 1
    for name in chosen:
        if run(["series", name, *usual, *limit]):
            return 1
    if options.ablate and run(["ablate", options.ablate, *usual]):
        return 1
    return 0 if _reached(options.output, chosen, options.dataset) else 1


def _reached(runs: Path, chosen: list[str], dataset: str) -> bool:
    good = True
    for name in chosen:
        report = json.loads((runs / "series" / f"{name}-{dataset}-published" / "series.json").read_text())
        for step in report["steps"]:
            wanted, found = WANTED.get(step["step"]), step["last_mean"]
            if wanted is not None and found is not None:
                good &= found >= wanted
                verdict = "reached" if found >= wanted else "NOT reached"
                print(f"{step['step']}: last epoch {found:.2f} % over {step['seeds']} seeds, {wanted:.2f} % {verdict}")
    return good


if __name__ == "__main__":
    sys.exit(main())
