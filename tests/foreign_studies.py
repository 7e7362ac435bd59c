"""Studies whose stored attributes are somebody else's: for tests of what reads them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from stub_runs import a_run
from studies import curve, make_study, sample, session, settings

from underbudget.reports.runs import to_json

NAME = "toy"
# A column of JSON text by its name here: table, column, condition.
_TRIAL = ("trial_user_attributes", "value_json")
_OTHERS = {
    "constraint": ("trial_system_attributes", "value_json", "key LIKE 'constraints:%'"),
    "distribution": ("trial_params", "distribution_json", "param_name = 'width'"),
}


class ForeignStudy:
    """A study in `runs`, whose JSON texts can be replaced."""

    def __init__(self, runs: Path) -> None:
        self.folder = runs / NAME
        self.folder.mkdir(parents=True)
        made = settings()
        made["dataset"]["counts"]["validation"] = 1000
        self.url = make_study(self.folder / "study.db", sample(12, epochs=4), NAME, made, (session(), session()))
        self._base = sqlite3.connect(self.folder / "study.db", isolation_level=None)
        self._base.execute("PRAGMA synchronous = OFF")
        first = {**to_json(a_run((99.0, 99.2))), "name": f"{NAME}:{self._complete()}"}
        for key, value in (("confirmation:0:0", first), ("readings", [{"when": "now", "times": 2, "what": "confirm"}])):
            self._base.execute(
                "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, ?, '')", (key,)
            )
            self._write(f"study {key}", json.dumps(value))
        self.whole = {"texts": self.texts()}

    def _complete(self) -> int:
        found = self._base.execute("SELECT number FROM trials WHERE state = 'COMPLETE' ORDER BY number").fetchone()
        return int(found[0])

    def texts(self) -> dict[str, str]:
        """Every JSON text: of the study by its key, of its first complete trial, and of a few others."""
        found = self._base.execute("SELECT key, value_json FROM study_user_attributes").fetchall()
        texts = {f"study {key}": text for key, text in found}
        rows = self._base.execute(
            f"SELECT key, value_json FROM {_TRIAL[0]} WHERE trial_id = ?", (self._complete() + 1,)
        )
        texts |= {f"trial {key}": text for key, text in rows}
        for name, (table, column, condition) in _OTHERS.items():
            texts[name] = self._base.execute(f"SELECT {column} FROM {table} WHERE {condition} LIMIT 1").fetchone()[0]
        return texts

    def values(self) -> dict[str, Any]:
        """The same as JSON values, without what is Optuna's own; one curve is longer, one trial stopped early."""
        found = {name: json.loads(text) for name, text in self.texts().items() if name not in _OTHERS}
        found["trial curve"] = [vars(epoch) for epoch in curve((97.0, 98.0, 98.5, 99.0))]
        return found

    def write(self, content: Any) -> None:
        """Replace what has a name in `content`: its "values" are written as JSON, its "texts" as they are."""
        for form, write in (("values", json.dumps), ("texts", str)):
            found = content.get(form) if isinstance(content, dict) else None
            for name, value in (found if isinstance(found, dict) else {}).items():
                self._write(name, write(value))

    def _write(self, name: str, text: str) -> None:
        kind, _, key = name.partition(" ")
        table, column, condition = _OTHERS.get(name, ("study_user_attributes", "value_json", "key = ?"))
        given: tuple[object, ...] = () if name in _OTHERS else (key,)
        if kind == "trial":
            table, column = _TRIAL
            condition, given = "key = ? AND trial_id = ?", (key, self._complete() + 1)
        stored = text.encode("utf-8", "replace").decode()  # what SQLite takes as text
        self._base.execute(f"UPDATE {table} SET {column} = ? WHERE {condition}", (stored, *given))

    def close(self) -> None:
        self._base.close()
