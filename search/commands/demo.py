"""`underbudget demo`: a whole search on a small real data set that needs no download."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from underbudget.search.commands.options import Runs
from underbudget.search.commands.terminal import say

STUDY = "demo"
TRIALS = 12


def demo(runs: Runs = None) -> int:
    """Search, report, export and predict on scikit-learn's digits; about two minutes on two cores."""
    from PIL import Image

    from underbudget.search.commands import searching, summary
    from underbudget.search.results import exporting, report, trained_trials
    from underbudget.search.session import resolving, signals
    from underbudget.search.session.request import Request
    from underbudget.search.study import finding

    request = Request(STUDY, dataset="digits", budget="params<8000", trials=TRIALS, epochs=15, workers=2, runs=runs)
    session = resolving.prepare(request, say)
    where = session.location
    if session.resumes:
        say(
            f"The study {STUDY} exists: what is missing of its {TRIALS} trials is trained, report and export are made",
            "again, nothing else is changed. To begin afresh, remove its folder:",
            f"  {where.folder}",
            "",
        )
    say(f"1 of 4  Searching networks under 8,000 parameters: {TRIALS} trials of 15 epochs, two at a time")
    stopper = signals.Stopper()
    with stopper.listening():
        outcome = searching.run(session, "auto", stopper, lambda *lines: say(*_indented(lines)))
    if not outcome.reached:
        searching.finish(session, outcome)
        return signals.STOPPED if stopper.signalled else 1
    study = finding.read(where)
    say("", "2 of 4  Writing the report")
    best = trained_trials.pick(study)
    paths, confirmation = report.write(where, study)
    say("3 of 4  Exporting the winner as one file, checked in a process of its own")
    output = where.folder / "models" / "winner.py"
    done = exporting.export_trial(where, study, best, output, force=True)
    say("4 of 4  The exported file, by itself, reads a picture of the validation part")
    picture = output.with_name("digit.png")
    images, labels = trained_trials.read_samples(where.folder, study.settings["dataset"]["input_shape"])
    Image.fromarray(images[-1][0]).save(picture)
    command = [sys.executable, "-P", output.name, picture.name]
    answer = subprocess.run(command, cwd=output.parent, capture_output=True, text=True, check=False)
    said = (answer.stdout + answer.stderr).strip().splitlines()
    say(*_indented((*said, f"(the picture shows a {labels[-1]})")), "")
    summary.print_summary(study)
    say(confirmation or "", "", f"report      {paths['page']}")
    say(f"winner      {done.path} ({done.bytes / 1000:.1f} kB, {done.parameters:,} parameters)", "", "Next:")
    say(*(f"  {line}" for line in _next_commands(finding.options(where), output, picture, best.trial)))
    return 0 if answer.returncode == 0 else 1


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"        {line}" if line else "" for line in lines]


def _next_commands(options: str, output: Path, picture: Path, best: int) -> list[str]:
    """What to type next; first what makes `underbudget` callable, if it is not."""
    import shutil

    lines = [
        f"underbudget dashboard {STUDY}{options}",
        f"underbudget show {STUDY}:{best}{options}",
        f"python {output} {picture}",
        "underbudget launch            # the real thing: MNIST, a 12 MB download and a search of hours",
    ]
    if shutil.which("underbudget") is None:
        activate = Path(sys.prefix) / ("Scripts/activate" if sys.platform == "win32" else "bin/activate")
        shown = activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate
        lines.insert(0, f"source {shown}")
    return lines
