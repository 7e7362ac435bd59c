"""All settings of a session, for people and as a TOML file."""

import math

from underbudget.models.metrics import METRIC_WORDS
from underbudget.reports.record import SCORE_EPOCHS
from underbudget.search.commands import display
from underbudget.search.commands.terminal import say
from underbudget.search.session import options, repeats, resolving
from underbudget.search.session.options import declared
from underbudget.search.session.request import Options, Request
from underbudget.search.session.resolving import Session
from underbudget.search.space import feasible_share
from underbudget.search.study.settings import Settings
from underbudget.search.training.run_length import LEAST_RUN


def header(session: Session) -> list[str]:
    """Every resolved setting on a line of its own, then warnings."""
    settings, info, recipe = session.settings, session.settings.dataset, session.settings.recipe
    shape = "x".join(str(size) for size in info.input_shape)
    least, largest = (settings.cost(end).params for end in (settings.space.smallest(), settings.space.largest()))
    counts, train, times = info.counts, info.counts["train"], f"{settings.epochs} times"
    objective = "the most accurate network under the budget"
    if settings.objective.kind == "front":
        objective = f"the front of {settings.objective.minimize} and validation accuracy"
    rows = [
        ("study", f"{session.location.name} ({'resumed' if session.resumes else 'new'}), in {session.location.folder}"),
        ("data set", f"{info.name}, {shape}, {len(info.classes)} classes, checksum {info.checksum[:12]}"),
        ("images", f"{train:,} train, {counts['validation']:,} validation, {counts['test']:,} test (not read)"),
        ("budget", f"{settings.budget}: {', '.join(settings.budget.plain())} ({settings.precision})"),
        ("trials", f"{session.trials} of {settings.epochs} epochs, sampler {session.sampler}, seed {settings.seed}"),
        ("objective", objective),
        ("stopping", _stopping_words(session)),
        ("recipe", f"{recipe.title}, {recipe.optimizer} lr {recipe.lr:g}, batch {recipe.batch_size}"),
        ("steps", f"{session.steps:,} per trial: {train:,} images in batches of {recipe.batch_size}, {times}"),
        ("workers", f"{session.workers} on {session.device} ({session.workers_reason})"),
        ("space", _space_words(settings, least, largest)),
    ]
    if recipe.metric != "accuracy" or recipe.class_weights != "none":
        rows.append(("metric", f"{METRIC_WORDS[recipe.metric]}; class weights of the loss: {recipe.class_weights}"))
    if settings.tune:
        rows.append(("tuned", ", ".join(settings.tune)))
    if session.options.target is not None:
        rows.append(("target", f"{session.options.target:g} % on validation in each of the last 3 epochs"))
    if session.live is not None:
        rows.append(("report", f"every {display.duration(session.live)}, in {session.location.folder / 'report'}"))
    if not math.isinf(session.seconds):
        rows.append(("timeout", display.duration(session.seconds)))
    lines = [f"{name:<10} {text}" for name, text in rows]
    if session.options.target is not None and settings.epochs < SCORE_EPOCHS:
        lines.append(
            f"warning: no network can hold a target in its last {SCORE_EPOCHS} epochs with --epochs {settings.epochs}"
        )
    limit = next((limit for limit in settings.budget.limits if limit.metric == "params"), None)
    if limit is not None and 2 * largest < limit.largest:
        lines.append(
            f"warning: the largest network of the space has {largest:,} of the {limit.largest:,} parameters that the "
            "budget allows: widen the space (docs/space.md), or give a smaller budget"
        )
    if session.steps < LEAST_RUN:
        lines.append(
            f"warning: {session.steps:,} steps per trial are few (under {LEAST_RUN:,}): "
            "accuracies will be rough, give more --epochs or a smaller --batch-size"
        )
    return lines


def _space_words(settings: Settings, least: int, most: int) -> str:
    """How large the networks of the space are, and what a sound one costs at this size of images."""
    space = settings.space
    words = f"{len(space.dimensions)} dimensions, {least:,} to {most:,} parameters, fingerprint {space.fingerprint}"
    if (first := settings.baseline()) is not None:
        cost = settings.cost(space.decode(first))
        words += f"; a sound network within budget: {cost.macs:,} MACs, {cost.peak_bytes:,} bytes at its peak"
    return words


def _stopping_words(session: Session) -> str:
    """How trials are stopped early, and after which epochs."""
    early = session.early
    if early.method == "none":
        return "none: every trial is trained to its end"
    found = ", ".join(str(epoch) for epoch in early.rungs(session.settings.epochs))
    return f"{early.method}, after epoch {found}" if found else f"{early.method}: trials are too short for it"


def dry_run(request: Request) -> int:
    """Print the configuration as TOML, the ends of the space and the share of random proposals under budget."""

    def comment(line: str) -> None:
        say(f"# {line}")

    searches = [resolving.prepare(request, comment)] if request.repeats is None else repeats.prepare(request, comment)
    settings, space = searches[0].settings, searches[0].settings.space
    values = {name: getattr(searches[0].options, name) for name in declared(Options)}
    if request.repeats is not None:
        values |= {"study": repeats.name_of(request), "repeats": request.repeats}
    say(options.to_toml(values | {"storage": None}), "")  # it may hold a password
    if len(searches) > 1:
        comment(f"{len(searches)} searches: {', '.join(search.location.name for search in searches)}")
    for word, network in (("smallest", space.smallest()), ("largest", space.largest())):
        comment(f"{word} network: {settings.cost(network).params:,} parameters: {network}")
    share = feasible_share(space, settings.budget, precision=settings.precision)
    comment(f"{100 * share:.1f} % of random proposals are under {settings.budget}")
    return 0
