"""Tables and files of a report: hand-worked values, every kind of study, and pandas reading the files back."""

import json
import math
import os
import stat
from pathlib import Path

import pandas
import pytest
from studies import Spec, session, settings, study_record

from underbudget.models.errors import UserError
from underbudget.reports.record import StudyRecord
from underbudget.reports.statistics import wilson_interval
from underbudget.reports.tables import TRIAL_COLUMNS, counts, front_frame, to_json, trial_row
from underbudget.reports.writing import write_report

MIXED = (
    Spec("complete", 7000, (97.0, 98.0, 99.0, 98.0)),
    Spec("rejected", 9000, (), "params 9,000 is 1,001 over params<8000"),
    Spec("stopped", 6000, (90.0,), "early"),
    Spec("failed", 5000, (95.0, math.nan), "loss is NaN at epoch 2"),
    Spec("running", 5500, (91.0,)),
    Spec("failed", 100, (), "died, before it was proposed", proposed=False),
    Spec("complete", 5000, (97.0,), retry_of=3),
)

STUDIES = {
    "empty": study_record(),
    "one trial": study_record(MIXED[:1]),
    "all rejected": study_record([MIXED[1]] * 3),
    "all failed": study_record([MIXED[3], MIXED[5]]),
    "running": study_record([MIXED[4]]),
    "complete but NaN": study_record([Spec("complete", 7000, (math.nan, math.nan, math.nan))]),
    "mixed": study_record(MIXED, sessions=(session(),)),
    "perfect": study_record([Spec("complete", 7000, (100.0, 100.0, 100.0)), Spec("complete", 1, (0.0,))]),
    "no conditions": study_record(MIXED, study_settings={"record_version": 1}),
    "NaN in settings": study_record(MIXED, study_settings=settings(recipe={"lr": math.nan})),
    "another limit": study_record(MIXED, study_settings=settings(budget="macs<=1.5M, peak_bytes<64KB")),
    "budget of another version": study_record(MIXED, study_settings=settings(budget="watts<5")),
}


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest) -> StudyRecord:
    return STUDIES[request.param]


def test_counts_by_hand() -> None:
    assert counts(STUDIES["mixed"]) == {
        "proposed": 7,
        "trained": 3,
        "complete": 2,
        "stopped": 1,
        "rejected": 1,
        "failed": 2,
        "running": 1,
    }
    assert set(counts(STUDIES["empty"]).values()) == {0}


def trials_frame(study: StudyRecord) -> pandas.DataFrame:
    return pandas.DataFrame([trial_row(trial) for trial in study.trials], columns=list(TRIAL_COLUMNS))


def test_a_row_by_hand() -> None:
    row = trials_frame(STUDIES["mixed"]).iloc[0]
    assert row["trial"] == 0
    assert row["state"] == "complete"
    assert row["params"] == 7000
    assert row["params_bytes"] == 28000
    assert row["score"] == pytest.approx((98 + 99 + 98) / 3)
    assert row["last_accuracy"] == 98.0
    assert row["best_epoch_accuracy"] == 99.0
    assert row["epochs"] == 4
    assert row["seconds"] == 8.0
    assert row["layers_text"].startswith("conv3x3(15) relu bn")


def test_there_is_a_row_per_proposal_with_the_promised_columns(study: StudyRecord) -> None:
    frame = trials_frame(study)
    assert list(frame["trial"]) == list(range(len(study.trials)))
    promised = "trial state params macs peak_bytes score epochs seconds id layers_text reason"
    assert set(promised.split()) <= set(frame.columns)


def test_only_complete_trials_have_a_score() -> None:
    frame = trials_frame(STUDIES["mixed"])
    assert list(frame["trial"][frame["score"].notna()]) == [0, 6]
    assert frame["reason"][1] == "params 9,000 is 1,001 over params<8000"
    assert pandas.isna(frame["params"][5])
    assert frame["retry_of"][6] == 3


def test_the_front_carries_its_intervals() -> None:
    frame = front_frame(STUDIES["mixed"])
    assert list(frame["trial"]) == [6, 0]
    low, high = wilson_interval(0.97 * 270, 270)
    assert frame["low"][0] == pytest.approx(low)
    assert frame["high"][0] == pytest.approx(high)
    assert list(frame["n"]) == [270, 270]


def test_without_a_number_of_images_there_is_no_interval() -> None:
    frame = front_frame(STUDIES["no conditions"])
    assert list(frame["trial"]) == [6, 0]
    assert frame["low"].isna().all()


def test_the_json_by_hand() -> None:
    report = to_json(STUDIES["mixed"], target=97.0)
    assert report["winner"]["trial"] == 0
    assert report["winner"]["n"] == 270
    assert [row["trial"] for row in report["front"]] == [6, 0]
    assert report["target"]["accuracy"] == 97.0
    assert report["target"]["smallest_holding"]["trial"] == 0
    assert report["target"]["first_reaching"]["trial"] == 0
    assert report["target"]["first_reaching"]["reached_at_epoch"] == 1
    # two boxes from (7999, 10 %), both axes in decades: errors 3 % from 5,000 parameters on, 1 2/3 % from 7,000 on
    expected = math.log10(7999 / 5000) * math.log10(10 / 3) + math.log10(7999 / 7000) * math.log10(3 / (5 / 3))
    assert report["hypervolume"] == pytest.approx(expected)
    assert report["settings"]["budget"] == "params<8000"
    assert report["sessions"] == [session()]


def test_a_target_that_nobody_met() -> None:
    target = to_json(STUDIES["mixed"], target=99.9)["target"]
    assert target == {"accuracy": 99.9, "smallest_holding": None, "first_reaching": None}


def test_the_files_of_a_report_read_back(study: StudyRecord, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "report"
    paths = write_report(study, folder, target=98.0)
    assert sorted(path.name for path in folder.iterdir()) == ["front.csv", "index.html", "report.json", "trials.csv"]
    assert paths["page"] == folder / "index.html"
    assert set(paths.values()) == set(folder.iterdir())
    trials = pandas.read_csv(folder / "trials.csv")
    assert list(trials["trial"]) == [trial.trial for trial in study.trials]
    assert list(trials["state"]) == [trial.state for trial in study.trials]
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert report["counts"]["proposed"] == len(study.trials)
    front = pandas.read_csv(folder / "front.csv")
    assert list(front["trial"]) == [row["trial"] for row in report["front"]]


def test_a_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_report(STUDIES["empty"], tmp_path)
    before = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = (tmp_path / "index.html").open(encoding="utf-8")
    write_report(STUDIES["mixed"], tmp_path)
    with page:
        assert page.read() == before, "whoever has the old page open keeps it"
    assert (tmp_path / "index.html").read_text(encoding="utf-8") != before
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_report_may_be_read_by_others_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_report(STUDIES["empty"], tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "index.html").stat().st_mode) == 0o644


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(STUDIES["empty"], tmp_path / "report")
    (tmp_path / "other" / "index.html").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be written"):
        write_report(STUDIES["empty"], tmp_path / "other")
    assert not [path for path in (tmp_path / "other").iterdir() if path.name.startswith(".")], "no temporary file stays"
