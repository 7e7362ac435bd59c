"""Where the numbers come from: the study's settings and the sessions that made it."""

import json
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.page.numbers import duration
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import counts as counts_of

# Shown in this order; everything else that the settings hold follows in a folded block.
_FIRST = (
    "budget",
    "precision",
    "epochs",
    "objective",
    "minimize",
    "tune",
    "seed",
    "version",
    "record_version",
    "hypervolume_reference",
)
_COUNTED = ("proposed", "complete", "stopped", "rejected", "failed", "running")
_SESSION = (
    "started",
    "ended",
    "seconds",
    "device",
    "workers",
    "sampler",
    "stopping",
    "hardware",
    "cpu",
    "command",
    "outcome",
)


def provenance(study: StudyRecord, hypervolume: float | None) -> dict[str, Any]:
    """What the section's template shows: `facts` as (name, text), `folded` as (name, JSON text), `sessions`."""
    settings = study.settings
    dataset = settings.get("dataset", {})
    facts = [("data set", str(dataset.get("title") or dataset.get("name", "unknown")))]
    counts = dataset.get("counts", {})
    if counts:
        facts.append(("images", ", ".join(f"{count:,} {part}" for part, count in counts.items())))
    facts.append(("data checksum", str(dataset.get("checksum", "unknown"))))
    facts += [(_words(key), _text(settings[key])) for key in _FIRST if settings.get(key) not in (None, [])]
    counted = counts_of(study)
    facts.append(("proposals", ", ".join(f"{counted[word]:,} {word}" for word in _COUNTED)))
    facts.append(("readings of the test labels", f"{sum(int(one.get('times', 1)) for one in study.readings):,}"))
    winner = fronts.winner(study.trials, study.axis)
    if winner is not None and winner.result is not None and winner.proposal is not None:
        result = winner.result
        facts += [
            ("winner", f"trial {winner.trial}, network {winner.proposal.id}, seed {winner.proposal.seed}"),
            ("computed by", f"{result.path} on {result.device}, {result.hardware}"),
            ("versions", ", ".join(f"{name} {version}" for name, version in result.versions.items())),
            ("weights", f"{result.weights_file}, sha256 {result.weights_sha256}"),
        ]
    if hypervolume is not None:
        facts.append(("hypervolume", f"{hypervolume:.4f} square decades (of cost and error, both logarithmic)"))
    folded = [
        (_words(key), json.dumps(value, indent=2, ensure_ascii=False))
        for key, value in settings.items()
        if key not in _FIRST
    ]
    return {"facts": facts, "folded": folded, "sessions": [_session(session) for session in study.sessions]}


def _session(session: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for key in [*_SESSION, *(key for key in session if key not in _SESSION)]:
        value = session.get(key)
        if value is not None:
            rows.append((_words(key), duration(value) if key == "seconds" else _text(value)))
    return rows


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
