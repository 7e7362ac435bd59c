"""Text from outside in terminals, pages and tables: escape sequences become visible, and any encoding will do."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st

from underbudget.models.output import visible

HOSTILE = "a\x1b[31mred\x1b]0;title\x9b2J\u202e\x00z"
SHOWN = r"a\u001b[31mred\u001b]0;title\u009b2J\u202e\u0000z"


def test_characters_without_a_picture_are_written_as_json_writes_them() -> None:
    assert visible(HOSTILE) == SHOWN
    assert json.loads(f'"{SHOWN}"') == HOSTILE
    kept = "grün\t99.4\u00a0% 数字 … \u0645\u06cc\u200c\u062e\u0648\n\u202f|\u3000"
    assert visible(kept) == kept
    assert visible("\udcff\U000e0001\r\x07") == r"\udcff\udb40\udc01\u000d\u0007"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_keeps_its_value_and_nothing_hidden_is_left(value: Any) -> None:
    text = visible(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert "".join(one for one in text if not one.isspace() and one not in "\u200c\u200d").isprintable()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a study of another's making: control characters in every name and reason."""
    runs = tmp_path_factory.mktemp("runs")
    (runs / "toy").mkdir()
    simulated.search(runs / "toy", 3)

    def change(table: str, key: str, edit: Any) -> None:
        for row, text in base.execute(f"SELECT rowid, value_json FROM {table} WHERE key = ?", (key,)).fetchall():
            base.execute(
                f"UPDATE {table} SET value_json = ? WHERE rowid = ?", (json.dumps(edit(json.loads(text))), row)
            )

    def settings(found: dict[str, Any]) -> dict[str, Any]:
        dataset = {**found["dataset"], "name": HOSTILE, "title": HOSTILE, "classes": [HOSTILE] * 10}
        return {**found, "dataset": dataset, "recipe": {**found["recipe"], "name": HOSTILE}}

    with contextlib.closing(sqlite3.connect(runs / "toy" / "study.db")) as base, base:
        change("study_user_attributes", "underbudget", settings)
        change(
            "trial_user_attributes", "record", lambda found: {**found, "recipe": {**found["recipe"], "name": HOSTILE}}
        )
        change("trial_user_attributes", "verdict", lambda found: f"{found}: {HOSTILE}")
        session = {"started": HOSTILE, "ended": HOSTILE, "outcome": HOSTILE, "workers": HOSTILE, "device": HOSTILE}
        base.execute(
            "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'sessions', ?)",
            (json.dumps([{**session, "command": HOSTILE, "versions": {HOSTILE: HOSTILE}}]),),
        )
        base.execute("INSERT INTO studies (study_id, study_name) VALUES (2, ?)", (HOSTILE,))
    return runs


def command(words: list[str], **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A command line in a process of its own."""
    program = [sys.executable, "-P", "-m", "underbudget", *words]
    return subprocess.run(program, env={**os.environ, **environment}, capture_output=True, check=False)


def hidden(text: str) -> str:
    """The characters of a text that have no picture of their own, line ends and tabs left out."""
    return "".join(one for one in text if not one.isprintable() and one not in "\n\t\u00a0\u202f")


@pytest.mark.parametrize("words", ["status", "status toy", "show toy:0", "report toy", "status gone --storage DB"])
def test_nothing_hidden_of_a_foreign_study_reaches_terminal_page_or_table(words: str, hostile: Path) -> None:
    given = words.replace("DB", f"sqlite:///{hostile / 'toy' / 'study.db'}").split()
    done = command([*given, "--runs", str(hostile)], PYTHONIOENCODING="utf-8", COLUMNS="200")
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == (2 if "gone" in words else 0), said
    assert hidden(said) == ""
    if not words.startswith(("report", "show")):
        assert SHOWN in said
    if words.startswith("report"):
        files = [file for file in (hostile / "toy" / "report").iterdir() if file.suffix in (".html", ".csv", ".json")]
        assert {file.name for file in files} == {"index.html", "trials.csv", "front.csv", "report.json"}
        for file in files:
            text = file.read_text("utf-8")
            own = text[text.index("<script>") :] if file.suffix == ".html" else ""  # Plotly's source has a few
            assert hidden(text.removesuffix(own)) == ""
            assert "\x1b" not in text
            assert file.name == "front.csv" or SHOWN in text


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX")
def test_a_terminal_gets_the_programs_own_sequences_and_no_others(hostile: Path) -> None:
    import pty

    parent, child = pty.openpty()
    program = [sys.executable, "-P", "-m", "underbudget", "status", "--runs", str(hostile)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "300", "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(program, stdout=child, stderr=subprocess.PIPE, env=environment)
    os.close(child)
    said = b""
    with contextlib.suppress(OSError):  # Linux says so at the end
        while part := os.read(parent, 4096):
            said += part
    os.close(parent)
    process.communicate()
    assert b"\x1b[1mstudy" in said  # a bold heading
    assert SHOWN.encode() in said
    assert b"\x1b[31m" not in said
    assert b"\x1b]0;" not in said


@pytest.mark.parametrize(
    ("words", "encoding"),
    [("status toy", "ascii"), ("status", "ascii"), ("references", "ascii"), ("status toy", "latin-1")],
)
def test_a_terminal_of_any_encoding_will_do(words: str, encoding: str, hostile: Path) -> None:
    runs = [] if words[0] in "rd" else ["--runs", str(hostile)]
    done = command([*words.split(), *runs], PYTHONIOENCODING=encoding, LC_ALL="C", COLUMNS="60")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert done.stdout.decode(encoding)


def test_what_an_encoding_lacks_is_escaped() -> None:
    done = command(["show", "n\u00e9t:1"], PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert rb"n\xe9t" in done.stderr
