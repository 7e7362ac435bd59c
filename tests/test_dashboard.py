"""What a study brings to Optuna Dashboard, compared with optuna_dashboard's own reading and writing of it."""

import io
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dashboards
import optuna
import optuna_dashboard
import plotly.graph_objects as go
import pytest
import simulated
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs
from optuna_dashboard.artifact._backend import list_trial_artifacts
from PIL import Image
from studies import Spec, make_study

from underbudget.reports.dashboard import storing
from underbudget.reports.dashboard.notes import escaped
from underbudget.reports.dashboard.storing import MEMORY, DashboardContent, File, store
from underbudget.reports.record import StudyRecord
from underbudget.search.dashboard import update as additions
from underbudget.search.progress import Progress, Tick
from underbudget.search.study import finding
from underbudget.search.study.location import StudyLocation

LONG = "# Title\n\n" + "".join(f"line {index} of *many* `with` \N{SNOWMAN}\n\n" for index in range(400))
FIGURE = {"data": [{"type": "scatter", "x": list(range(900)), "y": [0.5] * 900}], "layout": {"title": {"text": "é"}}}
NOTHING = DashboardContent({}, "", {}, {})
FILE = File("00000000-0000-4000-8000-000000000000", "trial-1.py", "text/x-python")


@pytest.fixture
def location(tmp_path: Path) -> StudyLocation:
    return dashboards.make(tmp_path / "demo")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[tuple[str, "optuna.Study"]]:
    """A study without weights, its URL and as stock Optuna opens it."""
    url = make_study(tmp_path / "bare.db", [Spec(), Spec("rejected", 9000, ())], "bare")
    storage = optuna.storages.RDBStorage(url)
    yield url, optuna.load_study(study_name="bare", storage=storage)
    storage.remove_session()
    storage.engine.dispose()


def system(study: "optuna.Study") -> dict[str, Any]:
    return dict(study._storage.get_study_system_attrs(study._study_id))


def shown_figure(study: "optuna.Study") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get_plotly_graph_objects(system(study))["underbudget-front"])
    return found


def shown_artifacts(study: "optuna.Study", number: int) -> list[Any]:
    trial = study.get_trials(deepcopy=False)[number]
    found: list[Any] = list_trial_artifacts(system(study), {}, trial)
    return found


def test_the_formats_that_we_rely_on_are_optuna_dashboards(bare: tuple[str, "optuna.Study"]) -> None:
    """Notes and files of finished trials: the attributes, as its private functions write and name them."""
    url, study = bare
    trial_id = study.get_trials(deepcopy=False)[1]._trial_id
    before = system(study)
    store(url, "bare", DashboardContent({}, "", {1: LONG}, {1: [FILE]}), 1.0)
    ours = {key: value for key, value in system(study).items() if key not in before and key != MEMORY}
    store(url, "bare", NOTHING, 1.0)
    assert system(study).keys() == before.keys() | {MEMORY}
    optuna_dashboard._note.save_note_with_version(study._storage, study._study_id, trial_id, 1, LONG)
    theirs = {key: value for key, value in system(study).items() if key not in before and key != MEMORY}
    assert len(theirs) == 7
    meta = {"artifact_id": FILE.identity, "filename": "trial-1.py", "mimetype": "text/x-python", "encoding": None}
    key = optuna_dashboard.artifact._backend._dashboard_artifact_prefix(trial_id) + FILE.identity
    assert ours == theirs | {key: json.dumps(meta)}


def test_optuna_dashboard_reads_what_is_stored(bare: tuple[str, "optuna.Study"]) -> None:
    url, study = bare
    store(url, "bare", DashboardContent({"underbudget-front": FIGURE}, LONG, {1: "note of one"}, {1: [FILE]}), 1.0)
    trial_id = study.get_trials(deepcopy=False)[1]._trial_id
    assert optuna_dashboard.get_note(study) == LONG
    assert get_note_from_system_attrs(system(study), trial_id) == {"version": 1, "body": "note of one"}
    assert shown_figure(study)["data"] == FIGURE["data"]
    assert shown_figure(study)["layout"]["title"] == FIGURE["layout"]["title"]
    (artifact,) = shown_artifacts(study, 1)
    assert artifact["artifact_id"] == FILE.identity
    assert artifact["filename"] == "trial-1.py"
    assert artifact["mimetype"] == "text/x-python"
    pieces = [key for key in system(study) if key.startswith("dashboard:")]
    # Shorter, then nothing: no piece of the longer text may stay.
    store(url, "bare", DashboardContent({"underbudget-front": {"data": []}}, "short", {1: "changed"}), 1.0)
    assert optuna_dashboard.get_note(study) == "short"
    assert get_note_from_system_attrs(system(study), trial_id) == {"version": 2, "body": "changed"}
    assert shown_figure(study)["data"] == []
    assert len([key for key in system(study) if key.startswith("dashboard:")]) < len(pieces)
    assert "" not in system(study).values()
    assert len(shown_artifacts(study, 1)) == 1  # none were named: they stay
    store(url, "bare", DashboardContent({}, "", {}, {}), 1.0)
    assert optuna_dashboard.get_note(study) == ""
    assert shown_artifacts(study, 1) == []
    left = [key for key in system(study) if key.startswith("dashboard:") and ":plot_data:" not in key]
    assert left == ["dashboard:note_ver"]


def test_an_update_is_one_transaction(bare: tuple[str, "optuna.Study"], monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser sees all of an update or nothing: half a figure would be none."""
    url, study = bare
    before = system(study)
    write = storing._write

    def seen(connection: Any, study_id: int, stored: dict[str, Any], shown: dict[str, Any]) -> None:
        write(connection, study_id, stored, shown)
        assert system(study) == before
        raise KeyError("broken off")

    monkeypatch.setattr(storing, "_write", seen)
    with pytest.raises(KeyError, match="broken off"):
        store(url, "bare", DashboardContent({"underbudget-front": FIGURE}, LONG, {1: LONG}, {1: [FILE]}), 1.0)
    assert system(study) == before


def test_an_update_without_a_change_writes_nothing(location: StudyLocation) -> None:
    study = finding.read(location)
    assert additions.update(location, study) == ""
    assert location.database is not None
    content = location.database.read_bytes()
    files = {path: path.stat().st_mtime_ns for path in (location.folder / "artifacts").iterdir()}
    assert len(files) == 2 * len(dashboards.FRONT)
    assert additions.update(location, finding.read(location)) == ""
    assert location.database.read_bytes() == content
    assert {path: path.stat().st_mtime_ns for path in (location.folder / "artifacts").iterdir()} == files


def test_a_note_that_a_person_has_changed_stays(bare: tuple[str, "optuna.Study"]) -> None:
    url, study = bare
    trial_id = study.get_trials(deepcopy=False)[0]._trial_id
    save = optuna_dashboard._note.save_note_with_version
    optuna_dashboard.save_note(study, "mine, before anything of ours")
    store(url, "bare", DashboardContent({}, "ours", {0: "first", 1: "other"}), 1.0)
    assert optuna_dashboard.get_note(study) == "mine, before anything of ours"
    save(study._storage, study._study_id, trial_id, 2, "first, and what I think")
    for _ in range(2):
        store(url, "bare", DashboardContent({}, "ours", {0: "second", 1: "other"}), 1.0)
        assert get_note_from_system_attrs(system(study), trial_id)["body"] == "first, and what I think"
    store(url, "bare", NOTHING, 1.0)  # it left the front
    assert get_note_from_system_attrs(system(study), trial_id)["body"] == "first, and what I think"
    save(study._storage, study._study_id, trial_id, 3, "")
    store(url, "bare", DashboardContent({}, "", {0: "third"}), 1.0)
    assert get_note_from_system_attrs(system(study), trial_id)["body"] == ""


def test_a_file_that_a_person_deleted_stays_away(bare: tuple[str, "optuna.Study"]) -> None:
    url, study = bare
    wanted = DashboardContent({}, "", {}, {0: [File("abc", "trial-0.py", "text/x-python")]})
    store(url, "bare", wanted, 1.0)
    key = f"dashboard:artifacts:{study.get_trials(deepcopy=False)[0]._trial_id}:abc"
    assert json.loads(system(study)[key])["filename"] == "trial-0.py"
    study._storage.set_study_system_attr(study._study_id, key, json.dumps(None))  # as the dashboard does
    store(url, "bare", wanted, 1.0)
    assert shown_artifacts(study, 0) == []


def test_what_left_the_front_loses_its_note_and_files(tmp_path: Path) -> None:
    location = dashboards.make(tmp_path / "demo")
    study = finding.read(location)
    additions.update(location, study)
    before = dashboards.attributes(location)
    beaten = replace(study, trials=tuple(trial for trial in study.trials if trial.trial != 0))
    assert additions.update(location, beaten) == ""
    after = dashboards.attributes(location)
    assert [key for key in before if key.startswith("dashboard:1:")]
    assert not [key for key in after if key.startswith(("dashboard:1:", "dashboard:artifacts:1:"))]
    names = {json.loads(value)["filename"] for key, value in after.items() if ":artifacts:" in key}
    assert names == {"trial-2.py", "trial-2-confusion.png"}
    assert len(list((location.folder / "artifacts").iterdir())) == 2
    additions.update(location, study)
    again = dashboards.attributes(location)
    assert {key: value for key, value in again.items() if "note_ver" not in key} == {
        key: value for key, value in before.items() if "note_ver" not in key
    }


def test_the_files_are_the_model_and_its_confusion_matrix(location: StudyLocation, tmp_path: Path) -> None:
    assert additions.update(location, finding.read(location)) == ""
    found = {
        meta["filename"]: (location.folder / "artifacts" / meta["artifact_id"]).read_bytes()
        for key, value in dashboards.attributes(location).items()
        if ":artifacts:" in key and (meta := json.loads(value))
    }
    assert set(found) == {f"trial-{number}{end}" for number in dashboards.FRONT for end in (".py", "-confusion.png")}
    assert Image.open(io.BytesIO(found["trial-2-confusion.png"])).size[0] > 300
    script = tmp_path / "model.py"
    script.write_bytes(found["trial-2.py"])
    done = subprocess.run([sys.executable, "-P", script, "--selftest"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_that_cannot_be_made_are_left_out_with_a_line(location: StudyLocation) -> None:
    (location.folder / "models" / "trial-0.safetensors").unlink()
    said = additions.update(location, finding.read(location))
    assert said.startswith("note: ")
    assert "trial-0.safetensors" in said
    assert "\n" not in said
    names = {json.loads(value)["filename"] for key, value in dashboards.attributes(location).items() if ":artif" in key}
    assert names == {"trial-0-confusion.png", "trial-2.py", "trial-2-confusion.png"}


def test_files_wait_for_the_next_update_where_there_is_no_time(location: StudyLocation) -> None:
    study = finding.read(location)
    assert additions.update(location, study, seconds=0) == ""
    assert not [key for key in dashboards.attributes(location) if ":artifacts:" in key]
    assert "dashboard:note_str:0" in dashboards.attributes(location)
    additions.update(location, study)
    assert len([key for key in dashboards.attributes(location) if ":artifacts:" in key]) == 4


def test_a_locked_study_costs_one_line(location: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additions, "_PATIENCE", 0.1)
    study = finding.read(location)
    before = dashboards.attributes(location)
    other = sqlite3.connect(location.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    said = additions.update(location, study, artifacts=False)
    other.execute("ROLLBACK")
    other.close()
    assert said.startswith("note: ")
    assert "locked" in said
    assert "\n" not in said
    assert dashboards.attributes(location) == before


def test_a_study_that_cannot_be_written_costs_one_line(
    location: StudyLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finding.read(location)
    (location.folder / "artifacts").write_text("a file where the folder should be")
    said = additions.update(location, study)
    assert "artifacts" in said
    assert "\n" not in said
    assert "dashboard:note_str:0" in dashboards.attributes(location)  # the rest is written
    connect = sqlite3.connect  # as root, permissions alone stop nobody
    monkeypatch.setattr(sqlite3, "connect", lambda file, **more: connect(file.replace("mode=rw", "mode=ro"), **more))
    said = additions.update(location, replace(study, trials=study.trials[:1]), artifacts=False)
    assert "readonly" in said
    assert "\n" not in said
    gone = StudyLocation("demo", location.folder / "elsewhere")
    assert additions.update(gone, study, artifacts=False).startswith("note: ")
    assert not gone.folder.exists()  # nor is a database made


def test_an_empty_study_has_a_note_and_no_figures(tmp_path: Path) -> None:
    location = dashboards.make(tmp_path / "demo", specs=())
    assert additions.update(location, finding.read(location)) == ""
    found = dashboards.attributes(location)
    assert "No trial is complete yet" in found["dashboard:note_str:0"]
    assert get_plotly_graph_objects(found) == {}


def test_the_studys_note_says_what_became_of_it(location: StudyLocation) -> None:
    additions.update(location, finding.read(location))
    note = get_note_from_system_attrs(dashboards.attributes(location), None)["body"]
    assert "**Winner: [trial 2](trials?numbers=2)**, 96.00 %" in note  # mean of 95, 96 and 97
    assert "112 parameters (1.4 % of the budget)" in note
    assert "6 proposed, 3 complete, 1 stopped early (13 epochs saved), 1 rejected before any training, 1 failed" in note
    assert note.index("| [2](trials?numbers=2) | 112 |") < note.index("| [0](trials?numbers=0) | 56 |")
    assert "[3](" not in note  # beaten


def test_figures_are_complete_for_plotly_and_small(tmp_path: Path) -> None:
    from studies import sample, settings, study_record

    from underbudget.reports.dashboard.figures import figures

    drawn = figures(study_record(sample(3000), study_settings=settings("mnist", 10000)))
    assert set(drawn) == {"underbudget-front", "underbudget-curves", "underbudget-layers"}
    for figure in drawn.values():
        text = go.Figure(figure).to_json()  # refuses what Plotly does not know
        assert '"@' not in text
        assert len(text) < 200_000
        assert figure["layout"]["title"]["text"]
        assert "height" not in figure["layout"]


def test_the_front_is_logarithmic_in_the_error(location: StudyLocation) -> None:
    from underbudget.reports.dashboard.figures import figures

    figure = figures(finding.read(location))["underbudget-front"]
    (front,) = (trace for trace in figure["data"] if trace["name"].startswith("front"))
    assert front["x"] == [56, 112]
    assert front["y"] == [9.0, 4.0]  # scores of 91 and 96
    # Wilson's 95 % intervals of 91 and 96 of 100 by scipy.stats.binomtest: 83.774 to 95.193 and 90.163 to 98.434.
    assert front["error_y"]["array"] == pytest.approx([91 - 83.774, 96 - 90.163], abs=0.001)
    assert front["error_y"]["arrayminus"] == pytest.approx([95.193 - 91, 98.434 - 96], abs=0.001)
    axis = figure["layout"]["yaxis"]
    assert axis["type"] == "log"
    assert axis["range"][0] > axis["range"][1]  # the better, the higher
    assert dict(zip(axis["tickvals"], axis["ticktext"], strict=True))[10] == "90"
    across = figure["layout"]["xaxis"]
    assert across["type"] == "log"
    assert 10 ** across["range"][0] == pytest.approx(0.8 * 56)


@pytest.mark.parametrize("text", ["a_b*c*", "[x](javascript:alert(1))", "`code` | pipe", "<b>", "1. one", "# h", "$x$"])
def test_text_is_escaped_for_markdown(text: str) -> None:
    assert escaped(text).replace("\\", "") == text
    assert all(escaped(text)[at - 1] == "\\" for at, c in enumerate(escaped(text)) if c in "_*[]()`|<>.#$!")


def test_a_search_updates_at_most_once_a_minute(location: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [1000.0]
    updates: list[float] = []
    with_files: list[bool] = []
    monkeypatch.setattr(time, "monotonic", lambda: times[-1])

    def update(location: StudyLocation, study: StudyRecord, artifacts: bool, seconds: float) -> str:
        updates.append(times[-1])
        with_files.append(artifacts)
        assert seconds <= 5
        return ""

    monkeypatch.setattr(additions, "update", update)
    events: list[object] = []
    told = (keeper := additions.Updater(location)).watching(lambda event, progress: events.append(event))
    for now in (1000.0, 1059.0, 1060.0, 1061.0, 1119.0, 1120.0, 1300.0):
        times.append(now)
        told(Tick(), Progress(1, 1))
    assert len(events) == 7
    assert updates == [1060.0, 1120.0, 1300.0]
    keeper.close()
    assert with_files == [False, False, False, True]  # files at the end only: proposals stay cheap


def test_a_short_search_writes_no_additions(location: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additions, "update", lambda *words, **more: pytest.fail("too early"))
    additions.Updater(location).close()


def test_what_goes_wrong_with_an_update_does_not_end_a_search(
    location: StudyLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object, **more: object) -> str:
        raise RuntimeError("a new bug")

    monkeypatch.setattr(additions, "EVERY", 0.0)
    monkeypatch.setattr(additions, "update", fail)
    additions.Updater(location).watching(lambda event, progress: None)(Tick(), Progress(1, 1))


def test_a_search_goes_on_as_if_there_were_no_additions(tmp_path: Path) -> None:
    for name in ("plain", "shown"):
        simulated.search(tmp_path / name, 6)
        if name == "shown":
            location = simulated.location(tmp_path / name)
            assert additions.update(location, finding.read(location), artifacts=False) == ""
            assert "dashboard:note_str:0" in dashboards.attributes(location)
        simulated.search(tmp_path / name, 12)

    def content(folder: Path) -> list[Any]:
        return [(t.number, t.state, t.params, t.values, t.user_attrs) for t in simulated.stored(folder).trials]

    assert content(tmp_path / "shown") == content(tmp_path / "plain")
