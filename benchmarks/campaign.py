"""The long counts: what `make test` samples, done many times. Resumable; writes docs/campaign.md.

    python benchmarks/campaign.py            # go on where it stopped
    python benchmarks/campaign.py kills      # one part only

Each unit's result is appended to benchmarks/results/campaign.jsonl as it comes, so a stop costs one unit.
"""

import atexit
import json
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

RESULTS = ROOT / "benchmarks" / "results" / "campaign.jsonl"
PAGE = ROOT / "docs" / "campaign.md"


def architectures(seed: int, count: int, most_params: int) -> Iterator[Any]:
    """Plans of random networks: drawn from the search space on several inputs."""
    from underbudget.budget.count import count as cost
    from underbudget.models.plan import plan
    from underbudget.search.space import Space

    source = random.Random(seed)
    inputs = [((1, 28, 28), 10), ((3, 32, 32), 10), ((1, 8, 8), 5), ((3, 64, 48), 37)]
    while count:
        shape, classes = source.choice(inputs)
        space = Space.default(shape, classes, None)
        placed = plan(space.decode(space.draw(source)), shape, classes)
        if cost(placed).params <= most_params:
            count -= 1
            yield placed


def count_unit(seed: int) -> dict[str, Any]:
    """100 random networks counted by the plan, torch and fvcore, operator by operator."""
    from underbudget.budget.crosscheck import crosscheck

    checked = [crosscheck(placed) for placed in architectures(seed, 100, 200_000)]
    return {"networks": len(checked), "agree": sum(check.agrees for check in checked)}


def _exported(seed: int) -> Any:
    """The plan of a reference under 20,000 parameters, then of random networks."""
    from underbudget.models.plan import plan
    from underbudget.models.references import REFERENCES

    small = [reference for reference in REFERENCES.values() if reference.published_params < 20_000]
    if seed < len(small):
        return plan(small[seed].architecture, (1, 28, 28), 10)
    return next(architectures(seed, 1, 20_000))


def formats_unit(seed: int) -> dict[str, Any]:
    """The same networks in every other format, each verified in a fresh process; c with int8, calibrated on noise."""
    import exports
    import numpy as np

    from underbudget.models.export import formats
    from underbudget.models.export.verify import write_verified
    from underbudget.search.training.built_in_recipes import RECIPES
    from underbudget.search.training.recipe_json import to_json

    placed = _exported(seed)
    noise = np.random.default_rng(seed).integers(0, 256, (64, *placed.input_shape), dtype=np.uint8)
    export = exports.export_of(placed, recipe=to_json(RECIPES["warp10-onecycle"]), calibration=noise)
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        for one in formats.FORMATS:
            if one.name != "py":
                path = Path(folder) / f"w{one.suffix or one.name}"
                said[one.name] = write_verified(export, path, format=one.name).said
    return {"parameters": export.parameters, "formats": said, "verified": len(said) == len(formats.FORMATS) - 1}


def export_unit(seed: int) -> dict[str, Any]:
    """One network exported to a Python file and verified in a fresh process: a reference, then random ones."""
    import exports

    from underbudget.models.export.verify import write_verified

    placed = _exported(seed)
    with tempfile.TemporaryDirectory() as folder:
        done = write_verified(exports.export_of(placed), Path(folder) / "winner.py")
    return {"parameters": done.parameters, "bytes": done.bytes, "verified": True}


TRIALS = 25  # of a search that is killed


@cache
def uninterrupted(stopping: str) -> list[Any]:
    """What a search that nobody kills proposes, and what becomes of it."""
    import kills
    import simulated

    with tempfile.TemporaryDirectory() as name:
        kills.search(Path(name), TRIALS, stopping)
        return simulated.proposals(Path(name))


def kill_unit(stopping: str, seed: int) -> dict[str, Any]:
    """A search of simulated trainings, killed by SIGKILL at a random moment, then run to its end: every finished trial
    still there and unchanged to the byte, none counted twice, as many as asked, all as in an uninterrupted search."""
    import kills

    with tempfile.TemporaryDirectory() as name:
        seconds = kills.random_seconds(seed)
        whole = uninterrupted(stopping)
        return kills.kill_and_resume(Path(name) / "killed", TRIALS, stopping, seconds, 0.0, whole)


def fuzz_unit(seed: int) -> dict[str, Any]:
    """Mutated inputs for every parser and every kind of file, others in each unit."""
    import fuzz_targets
    import fuzzing

    with tempfile.TemporaryDirectory() as name:
        found = fuzzing.attack(fuzz_targets.targets(Path(name)), 1e9, 1000 + seed, most=260)
    faults = [[target, raised, str(given)[:200]] for target, given, raised in found.faults]
    return {"tried": sum(found.tried.values()), "read": sum(found.accepted.values()), "faults": faults}


def survived(row: dict[str, Any]) -> bool:
    return row["kept"] and row.get("trained", row["complete"]) == TRIALS and row["as_uninterrupted"]


@cache
def digits() -> Any:
    """The embedded digits, prepared once for all units."""
    from underbudget.search.data.sources import prepare

    folder = tempfile.mkdtemp(prefix="underbudget-campaign-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return prepare("digits", Path(folder), lambda line: None)


@cache
def unharmed() -> Path:
    """The folder of a search with a real worker that nobody killed."""
    import attacks

    runs = digits().folder.parent / "unharmed"
    attacks.search(runs, digits())
    return runs / attacks.NAME


def attack_unit(kind: str, unit: int) -> dict[str, Any]:
    """What `attacks` does to a real search; it raises AssertionError where something is lost, doubled or changed."""
    import attacks

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        more = [unharmed()] if kind == "kill" else []
        done: dict[str, Any] = getattr(attacks, kind)(unit, Path(name) / "runs", digits(), *more)
        return done


@dataclass(frozen=True)
class Part:
    title: str
    units: int
    run: Callable[[int], dict[str, Any]]
    good: Callable[[dict[str, Any]], bool]


PARTS = {
    "counts": Part(
        "100 random networks each: parameters and MACs as torch and fvcore count them",
        30,
        count_unit,
        lambda row: row["agree"] == row["networks"],
    ),
    "exports": Part(
        "a network as a Python file, verified in a fresh process: references under 20,000 parameters, then random",
        136,
        export_unit,
        lambda row: row["verified"],
    ),
    "formats": Part(
        "the same networks as safetensors, pt2, ONNX, notebook and C, each verified in a fresh process",
        136,
        formats_unit,
        lambda row: row["verified"],
    ),
    "fuzzing": Part(
        "4,290 mutated inputs for all parsers and files: each is read, or refused in one line",
        24,
        fuzz_unit,
        lambda row: not row["faults"],
    ),
    "kills": Part(
        f"SIGKILL to the coordinator at a random moment of {TRIALS} simulated trainings, then resumed",
        50,
        partial(kill_unit, "none"),
        survived,
    ),
    "kills-front": Part(
        "the same, with early stopping by the front (from the first epoch on)",
        25,
        partial(kill_unit, "front"),
        survived,
    ),
    "kills-mo-asha": Part(
        "the same, with early stopping by MO-ASHA, which stops most trials",
        25,
        partial(kill_unit, "mo-asha"),
        survived,
    ),
    "real-kills": Part(
        "SIGKILL to coordinator, worker or both at a random moment of real trainings, then resumed: as one not killed",
        200,
        partial(attack_unit, "kill"),
        bool,
    ),
    "interrupts": Part(
        "one to three signals within milliseconds at a random moment of real trainings: ended within 3 s, then resumed",
        200,
        partial(attack_unit, "interrupt"),
        bool,
    ),
    "moved": Part(
        "folder, database or lock renamed, replaced, deleted at a random moment of real trainings, then resumed",
        200,
        partial(attack_unit, "move"),
        bool,
    ),
}


def stored() -> list[dict[str, Any]]:
    """All results so far."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def main(names: list[str]) -> None:
    """Run what is missing of the named parts (all by default), then write the page."""
    RESULTS.parent.mkdir(exist_ok=True)
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:  # under nohup: searches would inherit that
            signal.signal(number, lambda *_: None)
    for name in names or list(PARTS):
        part = PARTS[name]
        done = {row["unit"] for row in stored() if row["part"] == name}
        for unit in range(part.units):
            if unit in done:
                continue
            try:
                result = part.run(unit)
                good = part.good(result)
            except Exception as error:  # a campaign counts failures, it doesn't stop at one
                result, good = {"error": f"{type(error).__name__}: {error}"[:300]}, False
            row = {"part": name, "unit": unit, "good": good, "date": datetime.now(UTC).isoformat(timespec="seconds")}
            with RESULTS.open("a") as file:
                file.write(json.dumps({**row, **result}) + "\n")
            print(f"{name} {unit + 1}/{part.units}: {'good' if good else 'BAD'} {result}", flush=True)
        write_page()


def write_page() -> None:
    """docs/campaign.md from the results."""
    import platform
    from importlib.metadata import version

    rows = stored()
    lines = [
        "# The long counts",
        "",
        "Written by `make campaign` (benchmarks/campaign.py), which does many times what `make test` samples.",
        "",
        "| part | units | done | good | last run |",
        "|---|---|---|---|---|",
    ]
    for name, part in PARTS.items():
        of_part = [row for row in rows if row["part"] == name]
        good = sum(row["good"] for row in of_part)
        last = max((row["date"] for row in of_part), default="never")
        lines.append(f"| {name}: {part.title} | {part.units} | {len(of_part)} | {good} | {last} |")
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "optuna", "fvcore"))
    lines += ["", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {packages}."]
    bad = [row for row in rows if not row["good"]]
    lines += ["", *(f"- bad: `{json.dumps(row)}`" for row in bad)] if bad else []
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
