"""Where the numbers come from: the study's settings and the sessions that made it."""

import json
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.page.numbers import duration
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import counts as counts_of

_FOLDED = ("dataset", "recipe", "space")  # settings of many lines


def provenance(study: StudyRecord) -> dict[str, Any]:
    """What the section's template shows: `facts` as (name, text), `folded` as (name, JSON text), `sessions`."""
    settings, dataset = study.settings, study.stored.dataset  # every key is shown, also one of another version
    facts = [("data set", dataset.title)]
    if dataset.counts:
        facts.append(("images", ", ".join(f"{count:,} {part}" for part, count in dataset.counts.items())))
    facts.append(("data checksum", dataset.checksum or "unknown"))
    facts += [
        (_words(key), _text(value)) for key, value in settings.items() if key not in _FOLDED and value not in (None, [])
    ]
    counted = counts_of(study).items()
    facts.append(("proposals", ", ".join(f"{count:,} {word}" for word, count in counted if word != "trained")))
    facts.append(("test-set accesses", f"{sum(int(one.get('times', 1)) for one in study.readings):,}"))
    winner = fronts.winner(study.trials, study.axis)
    if winner is not None and winner.result is not None and winner.proposal is not None:
        result = winner.result
        facts += [
            ("winner", f"trial {winner.trial}, network {winner.proposal.id}, seed {winner.proposal.seed}"),
            ("computed by", f"{result.path} on {result.device}, {result.hardware}"),
            ("versions", ", ".join(f"{name} {version}" for name, version in result.versions.items())),
            ("weights", f"{result.weights_file}, sha256 {result.weights_sha256}"),
        ]
    if reference := study.stored.hypervolume_reference:
        hypervolume = fronts.study_hypervolume(study.trials, reference)
        facts.append(("hypervolume", f"{hypervolume:.4f} square decades (of cost and error, both logarithmic)"))
    folded = [
        (_words(key), json.dumps(value, indent=2, ensure_ascii=False))
        for key, value in settings.items()
        if key in _FOLDED
    ]
    return {"facts": facts, "folded": folded, "sessions": [_session(session) for session in study.sessions]}


def _session(session: dict[str, Any]) -> list[tuple[str, str]]:
    started = {"started": session.get("started"), **session}  # what its heading says
    return [
        (_words(key), duration(value) if key == "seconds" else _text(value))
        for key, value in started.items()
        if value is not None
    ]


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
