"""`underbudget dashboard`: what a browser shows of it, who is answered, and what it says when it starts."""

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dashboards
import optuna
import pytest
from browser import Visit, visit
from playwright.sync_api import Browser
from studies import LIMIT, Spec, make_study, sample, settings

from underbudget.models.errors import UserError
from underbudget.search.commands import dashboard
from underbudget.search.dashboard import server

ATTACK = "<img src=x onerror=alert(1)>"
HOSTILE = f"{ATTACK}\"'`|*_[x](javascript:alert(2))$\\frac</script><script>alert(3)</script>/../é\N{SNOWMAN} "
HOSTILE += "n" * (300 - len(HOSTILE))


@dataclass
class Served:
    address: str
    database: Path

    def api(self, path: str) -> Any:
        return json.load(urllib.request.urlopen(f"{self.address}/api/{path}"))

    def study_id(self, name: str) -> int:
        found = {one["study_name"]: one["study_id"] for one in self.api("studies")["study_summaries"]}
        return int(found[name])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Optuna Dashboard, started by our command on a storage of several studies, of which one has a hostile name."""
    folder = tmp_path_factory.mktemp("served")
    database = folder / "all.db"
    make_study(database, sample(40), "many", settings("mnist", 10000))
    runs = folder / "runs"
    location = dashboards.make(runs / "made", HOSTILE, database)
    # The folder of a study in a storage is named after it, with what may not be in a file's name replaced.
    location.folder.rename(runs / "".join(c if c.isalnum() or c in "._-" else "_" for c in HOSTILE)[:64])
    port = free_port()
    options = ["--storage", f"sqlite:///{database}", "--runs", str(runs), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "underbudget", "dashboard", HOSTILE, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"http://127.0.0.1:{port}/dashboard"), process.communicate()[1]
        found = Served(f"http://127.0.0.1:{port}", database)
        wait(lambda: len(files(found)) == 2 * len(dashboards.FRONT))
        yield found
    finally:
        process.terminate()
        found_errors = process.communicate(timeout=60)[1]
    assert found_errors == ""


def wait(ready: Any) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def files(served: Served) -> list[Any]:
    """The artifacts of all trials of the hostile study."""
    detail = served.api(f"studies/{served.study_id(HOSTILE)}")
    return [one for trial in detail["trials"] for one in trial["artifacts"]]


def check_harmless(seen: Visit) -> None:
    assert seen.errors == []
    assert seen.page.locator("img[src=x]").count() == 0


def listen(seen: Visit) -> None:
    seen.page.on("dialog", lambda dialog: seen.errors.append(f"dialog {dialog.message}"))


def test_the_page_of_the_study_has_our_figures(browser: Browser, served: Served) -> None:
    address = f"{served.address}/dashboard/studies/{served.study_id(HOSTILE)}"
    with visit(browser, address, viewport={"width": 1400, "height": 1000}) as seen:
        listen(seen)
        for name in ("front", "curves", "layers"):
            figure = seen.page.locator(f'[id="user-defined-plot:underbudget-{name}"]')
            figure.locator(".main-svg").first.wait_for()
            box = figure.bounding_box()
            assert box is not None
            assert box["width"] > 400
            assert box["height"] == pytest.approx(450, abs=2)
        assert seen.page.get_by_text("Where the budget goes: trial 2, 112 parameters").count() == 1
        assert seen.page.get_by_text("winner, trial 2").count() == 1
        check_harmless(seen)


def test_the_note_shows_a_hostile_name_as_it_is(browser: Browser, served: Served) -> None:
    address = f"{served.address}/dashboard/studies/{served.study_id(HOSTILE)}/note"
    with visit(browser, address, viewport={"width": 1400, "height": 1000}) as seen:
        listen(seen)
        heading = seen.page.locator("main h1")
        heading.first.wait_for()
        assert heading.first.inner_text() == HOSTILE.strip()
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1400
        assert seen.page.locator('main a[href*="javascript"]').count() == 0
        link = seen.page.get_by_role("link", name="trial 2")
        link.click()
        seen.page.wait_for_url("**/trials?numbers=2")
        seen.page.get_by_role("heading", name="Trial 2").first.wait_for()
        check_harmless(seen)


def test_the_page_of_a_trial_has_its_note_files_and_verdict_and_is_no_wider_than_the_window(
    browser: Browser, served: Served
) -> None:
    address = f"{served.address}/dashboard/studies/{served.study_id(HOSTILE)}/trials?numbers=2"
    with visit(browser, address, viewport={"width": 1200, "height": 2000}) as seen:
        listen(seen)
        seen.page.get_by_text("On the front").wait_for()
        assert seen.page.get_by_text("trial-2.py", exact=True).count() == 1
        image = seen.page.locator('main img[src*="artifacts"]')
        image.wait_for()
        seen.page.wait_for_function("() => document.querySelector('main img[src*=artifacts]').naturalWidth > 300")
        verdict = seen.page.get_by_text("verdict complete", exact=True)
        assert verdict.is_visible()
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1200
        longest = seen.page.locator("main p").filter(has_text="curve [{").last.bounding_box()
        assert longest is not None
        assert longest["x"] + longest["width"] <= 1200
        check_harmless(seen)


def test_a_rejected_trial_says_why(browser: Browser, served: Served) -> None:
    address = f"{served.address}/dashboard/studies/{served.study_id(HOSTILE)}/trials?numbers=1"
    with visit(browser, address, viewport={"width": 1200, "height": 1600}) as seen:
        words = "verdict rejected: 8,214 parameters are 215 over the budget params<8000"
        seen.page.get_by_text(words, exact=True).wait_for()
        assert seen.page.get_by_text(words, exact=True).is_visible()
        assert seen.page.get_by_text("Best Trial").count() == len(dashboards.FRONT)
        assert seen.errors == []


def test_rejected_trials_are_never_among_the_best(served: Served) -> None:
    for name in ("many", HOSTILE):
        detail = served.api(f"studies/{served.study_id(name)}")
        best = {trial["number"] for trial in detail["best_trials"]}
        rejected = {
            trial["number"]
            for trial in detail["trials"]
            if any(one["key"] == "verdict" and one["value"].startswith("rejected") for one in trial["user_attrs"])
        }
        assert best
        assert rejected
        assert not best & rejected
        assert all(trial["values"][0] <= LIMIT for trial in detail["best_trials"])


def test_every_trial_has_short_attributes(served: Served) -> None:
    for trial in served.api(f"studies/{served.study_id('many')}")["trials"]:
        found = {one["key"]: one["value"] for one in trial["user_attrs"]}
        assert found["layers"].startswith("conv3x3(")
        assert found["verdict"].split(":")[0] in ("complete", "stopped", "rejected", "failed", "running")


def test_it_shows_what_a_search_writes_meanwhile(served: Served) -> None:
    identity = served.study_id("many")
    before = len(served.api(f"studies/{identity}")["trials"])
    connection = sqlite3.connect(served.database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    storage = optuna.storages.RDBStorage(f"sqlite:///{served.database}")
    study = optuna.load_study(study_name="many", storage=storage)
    for _ in range(3):
        study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED))
        study.set_user_attr("sessions", [])
    wait(lambda: len(served.api(f"studies/{identity}")["trials"]) == before + 3)
    storage.remove_session()
    storage.engine.dispose()


def answered(served: Served, host: str) -> int:
    connection = http.client.HTTPConnection(served.address.removeprefix("http://"))
    with closing(connection):
        connection.putrequest("GET", "/api/studies", skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status


def test_only_the_names_of_this_machine_are_answered(served: Served) -> None:
    for host in ("127.0.0.1:8080", "localhost", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1"):
        assert answered(served, host) == 200
    for host in ("attacker.example", "attacker.example:8080", "127.0.0.1.attacker.example", "192.168.0.9", ""):
        assert answered(served, host) == 403


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    import psutil

    port = int(served.address.rsplit(":", 1)[1])
    listening = [one for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port]
    assert [one.laddr.ip for one in listening] == ["127.0.0.1"]


class Interrupted:
    """Stands for a server that a person ends at once."""

    def __enter__(self) -> "Interrupted":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def serve_forever(self) -> None:
        raise KeyboardInterrupt


def started(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[str, str]:
    """What the command says on both outputs."""
    (folder / "demo").mkdir()
    make_study(folder / "demo" / "study.db", [Spec()], "demo")
    monkeypatch.setattr(server, "server", lambda *words: Interrupted())
    monkeypatch.setattr(dashboard, "_keep", lambda where: None)
    dashboard.dashboard("demo", runs=str(folder), **options)
    said = capsys.readouterr()
    return said.out, said.err


def test_an_open_address_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    out, err = started(tmp_path, capsys, monkeypatch, host="0.0.0.0", port=free_port())
    assert "http://0.0.0.0:" in out
    assert err.startswith("warning: 0.0.0.0 is open to other machines, and the dashboard has no login")
    assert err.count("\n") == 1


def test_the_tunnel_is_told_under_ssh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.5 50000 198.51.100.7 2222")
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    port = free_port()
    out, err = started(tmp_path, capsys, monkeypatch, port=port)
    assert f"ssh -N -L {port}:127.0.0.1:{port} -p 2222 ada@198.51.100.7\n" in out
    assert err == ""
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.5 50000 198.51.100.7 22")
    assert dashboard._tunnel(8080, os.environ) == "ssh -N -L 8080:127.0.0.1:8080 ada@198.51.100.7"
    monkeypatch.delenv("SSH_CONNECTION")
    assert dashboard._tunnel(8080, os.environ) == ""


def test_a_taken_port_and_a_foreign_address_are_refused_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"the port {port} of 127.0.0.1 is in use, \d+ is free: --port \d+"):
            server.check_port("127.0.0.1", port)
    with pytest.raises(UserError, match=r"--host 192\.0\.2\.1 is no address of this machine"):
        server.check_port("192.0.2.1", 8080)
    with pytest.raises(UserError, match=r"--host nowhere\.invalid is no address of this machine"):
        server.check_port("nowhere.invalid", 8080)
    with pytest.raises(UserError, match="--port is a whole number from 1 to 65535, not 0"):
        server.check_port("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert server.is_loopback(host) is expected
