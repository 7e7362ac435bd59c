"""`underbudget demo`: a whole search in minutes, on a small real data set that needs no download, or on your own."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underbudget.search.commands.options import DataDir, Runs
from underbudget.search.commands.terminal import say

if TYPE_CHECKING:
    from underbudget.models.export.formats import Verification
    from underbudget.reports.record import StudyRecord, TrialRecord
    from underbudget.search.session.resolving import Session

STUDY = "demo"
TRIALS = 12
MANY_IMAGES = 20_000  # more training images are seen fewer times
FEW_EPOCHS = 5
SEARCH_TIME = "8m"  # of a user's own data, whose trainings may take any time
FORMATS = ("py", "onnx", "c")


def demo(
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="Your own data instead, as `launch` takes them.", show_default="digits"),
    ] = None,
    runs: Runs = None,
    data_dir: DataDir = None,
) -> int:
    """Search, report, export and predict on scikit-learn's digits, or on your own data: about two minutes on two cores,
    with your own data a quarter of an hour at most."""
    from underbudget.search.commands import searching, summary
    from underbudget.search.results import report, trained_trials
    from underbudget.search.session import signals
    from underbudget.search.study import finding

    session = _session(dataset, runs, data_dir)
    where, epochs = session.location, session.settings.epochs
    if session.resumes:
        say(
            f"The study {where.name} exists: what is missing of its {TRIALS} trials is trained, report and exports are "
            "made",
            "again, nothing else is changed. To begin afresh, remove its folder:",
            f"  {where.folder}",
            "",
        )
    limit = "" if dataset is None else ", for eight minutes at most"
    say(
        f"1 of 4  Searching networks under 8,000 parameters: {TRIALS} trials of {epochs} epochs, "
        f"{session.workers} at a time{limit}"
    )
    stopper = signals.Stopper()
    with stopper.listening():
        outcome = searching.run(session, "auto", stopper, lambda *lines: say(*_indented(lines)))
    study = finding.read(where)
    if not (outcome.reached or outcome.in_time_limit) or not any(trial.score for trial in study.trials):
        searching.finish(session, outcome)
        return signals.STOPPED if stopper.signalled else 1
    say("", "2 of 4  Writing the report")
    best = trained_trials.pick(study)
    paths, confirmation = report.write(where, study)
    say("3 of 4  Exporting the winner, each file checked in a process of its own")
    written = _exported(session, study, best)
    output = written["py"].path
    say("4 of 4  The exported Python file, by itself, answers for a part of the validation data")
    answered = _asked(session, output)
    say("")
    summary.print_summary(study)
    say(confirmation or "", "", f"report      {paths['page']}")
    for done in written.values():
        say(f"winner      {done.path} ({done.bytes / 1000:.1f} kB, {done.parameters:,} parameters)")
    say("", "Next:")
    options = finding.options(where)
    last = "underbudget launch            # the real thing: MNIST, a 12 MB download and a search of hours"
    if dataset is not None:
        last = f"underbudget launch {where.name}-long --dataset {dataset}    # the real thing: 100 trials"
    say(*(f"  {line}" for line in [*_callable(), *_next_commands(where.name, options, output, best.trial), last]))
    return 0 if answered else 1


def _session(dataset: str | None, runs: str | None, data_dir: str | None) -> "Session":
    """The search, resolved; of many images each trial sees them fewer times."""
    from dataclasses import replace

    from underbudget.search.data import sources
    from underbudget.search.session import resolving
    from underbudget.search.session.request import Request

    own: dict[str, Any] = {"trials": TRIALS, "budget": "params<8000", "runs": runs, "data_dir": data_dir}
    if dataset is None:
        return resolving.prepare(Request(STUDY, dataset="digits", epochs=15, workers=2, **own), say)
    name = f"{STUDY}-{sources.define(dataset, {}, data_dir).name}"
    request = Request(name, dataset=dataset, timeout=SEARCH_TIME, **own)
    session = resolving.prepare(request, say)
    if not session.resumes and session.dataset.info.counts["train"] > MANY_IMAGES:
        session = resolving.prepare(replace(request, epochs=FEW_EPOCHS), lambda line: None)
    return session


def _exported(session: "Session", study: "StudyRecord", best: "TrialRecord") -> "dict[str, Verification]":
    """The winner in each of FORMATS that can be made here, by its name."""
    from underbudget.models.errors import UnavailableError
    from underbudget.models.export import formats
    from underbudget.search.results import exporting

    written = {}
    for format in FORMATS:
        suffix = formats.find(format).suffix or f"-{format}"  # without one it is a folder
        output = session.location.folder / "models" / f"winner{suffix}"
        try:
            done = exporting.export_trial(session.location, study, best, output, force=True, format=format)
        except UnavailableError as error:
            say(*_indented([f"{output.name} left out: {error}"]))
            continue
        say(*_indented([f"{output.name}: {done.said}"]))
        written[format] = done
    return written


def _asked(session: "Session", output: Path) -> bool:
    """Let the exported file predict a picture of the validation part, or, where the data are none, test itself."""
    from PIL import Image

    from underbudget.search.results import trained_trials

    arguments, truth = ["--selftest"], []
    frontend, channels = session.dataset.info.frontend, session.dataset.info.input_shape[0]
    if channels in (1, 3) and (frontend is None or frontend["kind"] not in ("sound", "signal")):
        images, labels = trained_trials.read_samples(session.location.folder, session.dataset.info.input_shape)
        picture = output.with_name("digit.png" if frontend is None else "picture.png")
        pixels = images[-1].transpose(1, 2, 0)
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(picture)
        name = session.dataset.info.classes[labels[-1]]
        arguments, truth = [picture.name], [f"(the picture shows a {name})"]
    command = [sys.executable, "-P", output.name, *arguments]
    answer = subprocess.run(command, cwd=output.parent, capture_output=True, text=True, check=False)
    say(*_indented([*(answer.stdout + answer.stderr).strip().splitlines(), *truth]))
    return answer.returncode == 0


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"        {line}" if line else "" for line in lines]


def _callable() -> list[str]:
    """What makes `underbudget` callable, if it is not."""
    import shutil

    if shutil.which("underbudget") is not None:
        return []
    activate = Path(sys.prefix) / ("Scripts/activate" if sys.platform == "win32" else "bin/activate")
    shown = activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate
    return [f"source {shown}"]


def _next_commands(study: str, options: str, output: Path, best: int) -> list[str]:
    return [
        f"underbudget dashboard {study}{options}",
        f"underbudget show {study}:{best}{options}",
        f"python {output} --selftest",
    ]
