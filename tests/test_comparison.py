"""Studies compared: against hand-worked values, plain loops and Optuna's hypervolume; the page in a real browser."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import axe_violations, visit
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume
from playwright.sync_api import Browser
from scipy.stats import ttest_ind
from studies import Spec, make_study, sample, session, settings, study_record

from underbudget.models.errors import UserError
from underbudget.reports.comparison import compare
from underbudget.reports.comparison_tables import (
    FILES,
    advantage,
    budget_rows,
    folder_name,
    study_rows,
    to_json,
)
from underbudget.reports.record import StudyRecord
from underbudget.reports.seed_bands import pooled, steps
from underbudget.reports.writing import write_comparison
from underbudget.search.commands.main import run

HOSTILE = "<b>x</b><img src=x onerror=alert(1)>'\"/\\ \N{SNOWMAN}"


def study(name: str, specs: list[Spec], seed: int = 0, sampler: str = "tpe", **changes: Any) -> StudyRecord:
    given = settings("mnist", 10_000, seed=seed, hypervolume_reference={"params": 7999, "error": 90.0}, **changes)
    return study_record(specs, name, given, (session(sampler=sampler, stopping="front"),))


def at(params: int, accuracy: float, state: str = "complete", epochs: int = 3) -> Spec:
    return Spec(state, params, (accuracy,) * epochs)


FIRST = study("a-s0", [at(4000, 98.0), at(7000, 99.0), at(1000, 90.0, "stopped", 2)])
SECOND = study("a-s1", [at(3000, 97.0), at(6000, 99.2)], seed=1)
OTHER = study("b", [at(2000, 96.0), at(7500, 99.4)], sampler="random")


def test_seeds_of_one_search_are_pooled() -> None:
    found = compare([FIRST, OTHER, SECOND])
    assert [(group.name, [member.study.name for member in group.members]) for group in found.groups] == [
        ("a", ["a-s0", "a-s1"]),
        ("b", ["b"]),
    ]
    assert found.differences == (("sampler", ("tpe", "random")),)


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"epochs": 20}, ("epochs", ("15", "20"))),
        ({"budget": "params<4000"}, ("budget", ("params at most 7,999", "params at most 3,999"))),
        ({"tune": ["lr"]}, ("tune", ("-", '["lr"]'))),
        ({"space_fingerprint": "abc"}, ("space fingerprint", ("-", "abc"))),
        ({"recipe": {"name": "warp10-onecycle", "batch": 64}}, ("recipe: batch", ("128", "64"))),
        ({"recipe": {"name": "plain", "batch": 64}}, ("recipe", ("warp10-onecycle", "plain"))),
        ({"version": "0.2.0"}, ("version", ("0.1.0", "0.2.0"))),
        ({"sampler": "random"}, ("sampler", ("tpe", "random"))),
    ],
)
def test_whatever_else_differs_is_said_and_not_pooled(
    changes: dict[str, Any], row: tuple[str, tuple[str, ...]]
) -> None:
    found = compare([FIRST, study("a-s1", [at(3000, 97.0)], seed=1, **changes)])
    assert len(found.groups) == 2
    assert row in found.differences
    assert len(found.differences) <= 2


def test_the_same_budget_in_other_words_and_another_machine_are_pooled() -> None:
    given = settings(
        "mnist", 10_000, seed=1, budget="params<=7999", hypervolume_reference={"params": 7999, "error": 90.0}
    )
    other = study_record([at(3000, 97.0)], "a-s1", given, (session(sampler="tpe", stopping="front", workers=16),))
    assert [group.name for group in compare([FIRST, other]).groups] == ["a"]


def test_a_sampler_that_changed_between_sessions_is_another_search() -> None:
    sessions = tuple(session(sampler=name, stopping="front") for name in ("tpe", "random", "random"))
    given = settings("mnist", 10_000, seed=1, hypervolume_reference={"params": 7999, "error": 90.0})
    found = compare([FIRST, study_record([at(3000, 97.0)], "c", given, sessions)])
    assert ("sampler", ("tpe", "tpe, then random")) in found.differences


def test_one_seed_twice_is_no_further_sample() -> None:
    found = compare([FIRST, SECOND, study("a-s0-copy", [at(4000, 98.0)])])
    assert [len(group.members) for group in found.groups] == [2, 1]


def test_names_of_groups() -> None:
    def names(*studies: str) -> list[str]:
        seeds = [study(name, [at(4000, 98.0)], seed=seed) for seed, name in enumerate(studies)]
        return [group.name for group in compare(seeds).groups]

    assert names("long-run-s0", "long-run-s1") == ["long-run"]
    assert names("x1", "x2", "x3") == ["x"]
    assert names("tea", "coffee") == ["tea and 1 more"]
    assert names("1", "2") == ["1 and 1 more"]
    twins = [study("a", [at(4000, 98.0)]), *(study(f"a-s{n}", [at(4000, 98.0)], n, "random") for n in range(2))]
    assert [group.name for group in compare(twins).groups] == ["a", "a (2)"]


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([], "a comparison needs two studies or more, not 1"),
        ([FIRST], "the study a-s0 is given twice"),
        (
            [study_record([at(3000, 97.0)], "c", settings("digits"))],
            r"digits \(.*\) has other images or another split than",
        ),
        ([study("c", [at(3000, 97.0)], minimize="macs")], "it minimises macs, the other params"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(others: list[StudyRecord], says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        compare([FIRST, *others])
    assert "\n" not in str(refused.value)


def test_bytes_of_another_precision_cannot_be_compared() -> None:
    studies = [study(name, [at(3000, 97.0)], minimize="peak_bytes", precision=name) for name in ("float32", "int8")]
    with pytest.raises(UserError, match="its peak_bytes are of int8, the other's of float32"):
        compare(studies)


def test_without_any_complete_trial() -> None:
    empty = [study(name, [Spec("rejected", 9000, ())], seed) for seed, name in enumerate(("x", "y"))]
    with pytest.raises(UserError, match="none of these studies has a complete trial"):
        compare(empty)
    found = compare([FIRST, empty[1]])
    assert [member.hypervolume > 0 for member in found.members] == [True, False]
    assert found.common_epochs == 0


def optunas(points: list[tuple[float, float]], reference: tuple[float, float]) -> float:
    logarithms = np.log10([(params, 100 - accuracy) for params, accuracy in points])
    return float(compute_hypervolume(logarithms, np.log10(reference)))


def test_hypervolumes_have_one_reference_point() -> None:
    small = study("small", [at(1500, 95.0), at(3000, 97.0)], budget="params<4000")
    small.settings["hypervolume_reference"] = {"params": 3999, "error": 80.0}
    found = compare([FIRST, small])
    assert found.reference == {"params": 7999.0, "error": 90.0}
    values = [member.hypervolume for member in found.members]
    assert values[0] == pytest.approx(optunas([(4000, 98.0), (7000, 99.0)], (7999, 90)))
    assert values[1] == pytest.approx(optunas([(1500, 95.0), (3000, 97.0)], (7999, 90)))


def test_the_effort_is_equal_by_hand() -> None:
    found = compare([FIRST, OTHER, SECOND])
    assert [member.epochs for member in found.members] == [8, 6, 6]  # 3 + 3 + 2 of the stopped one
    assert found.common_epochs == 6
    longer = study("longer", [*(at(2000 + step, 97.0) for step in range(5)), at(2000, 99.9)], sampler="random")
    found = compare([OTHER, longer])
    # After six of its eighteen epochs it had two networks.
    assert found.at_common_epochs(found.members[1]) == pytest.approx(optunas([(2000, 97.0)], (7999, 90)))
    curve = found.members[1].hypervolume_by("epochs")
    assert curve.x == (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0)
    assert curve.at(2) == 0.0
    assert found.members[1].hypervolume_by("trained").x == tuple(range(7))


def test_the_best_at_common_budgets_by_hand() -> None:
    found = compare([FIRST, OTHER, SECOND])
    assert found.budgets == (7999, 4000, 2000)  # half of 8,000, a quarter; no network has 1,000 or less
    scores = {
        (row["study"], row["budget"]): (row["score"] and round(row["score"], 6), row["trial"])
        for row in budget_rows(found)
    }
    assert scores == {
        ("a-s0", 7999): (99.0, 1),
        ("a-s0", 4000): (98.0, 0),
        ("a-s0", 2000): (None, None),
        ("a-s1", 7999): (99.2, 1),
        ("a-s1", 4000): (97.0, 0),
        ("a-s1", 2000): (None, None),
        ("b", 7999): (99.4, 1),
        ("b", 4000): (96.0, 0),
        ("b", 2000): (96.0, 0),
    }


def test_budgets_of_studies_that_have_other_limits() -> None:
    small = study("small", [at(1500, 95.0), at(3000, 97.0)], budget="params<4000")
    rows = budget_rows(compare([FIRST, small]))
    assert {row["budget"]: row["searched"] for row in rows if row["study"] == "small"} == {
        7999: False,
        4000: False,
        2000: True,
    }
    without = [study(name, [at(4321, 98.0)], seed, budget="macs<1M") for seed, name in enumerate("xy")]
    assert compare(without).budgets == (4400,)


def test_the_advantage_is_welchs() -> None:
    other = [study(f"b-s{seed}", [at(2000 + 300 * seed, 96.0)], seed, "random") for seed in range(3)]
    found = compare([FIRST, SECOND, *other])
    assert advantage(found, found.groups[0]) is None
    more = advantage(found, found.groups[1])
    assert more is not None
    values = [[found.at_common_epochs(member) for member in group.members] for group in found.groups]
    stranger = ttest_ind(values[1], values[0], equal_var=False).confidence_interval()
    assert (more.low, more.high) == (pytest.approx(stranger.low), pytest.approx(stranger.high))


def test_a_band_by_hand() -> None:
    band = pooled([steps([(0, 0.0), (2, 1.0), (4, 3.0)]), steps([(0, 0.0), (3, 2.0), (9, 5.0)])])
    assert band is not None
    assert band.x == (0, 2, 3, 4)  # to where the first ends
    assert band.mean == (0.0, 0.5, 1.5, 2.5)
    assert band.low == (0.0, 0.0, 1.0, 2.0)
    assert band.high == (0.0, 1.0, 2.0, 3.0)
    assert pooled([steps([(0, 1.0)]), steps([])]) is None
    assert pooled([steps([(0, 1.0), (2, 1.0)]), steps([(3, 1.0)])]) is None
    assert steps([(1, 5.0), (1, 6.0)], end=7).at(7) == 6.0


points = st.lists(st.tuples(st.integers(0, 30), st.floats(-5, 5)), min_size=1, max_size=12)


@given(st.lists(points, min_size=1, max_size=4))
def test_a_band_is_what_a_plain_loop_finds(curves: list[list[tuple[int, float]]]) -> None:
    curves = [sorted(curve, key=lambda point: point[0]) for curve in curves]
    band = pooled([steps([(float(x), y) for x, y in curve]) for curve in curves])

    def value(curve: list[tuple[int, float]], place: float) -> float:
        return [y for x, y in curve if x <= place][-1]

    first, end = max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves)
    assert (band is None) == (first > end)
    for index, place in enumerate(band.x if band else ()):
        assert band is not None
        values = [value(curve, place) for curve in curves]
        assert (band.low[index], band.high[index]) == (min(values), max(values))
        assert band.mean[index] == pytest.approx(sum(values) / len(values), abs=1e-12)
    if band:
        assert (band.x[0], band.x[-1]) == (first, end)


def test_long_curves_are_thinned_with_both_ends() -> None:
    band = pooled([steps([(float(x), float(x)) for x in range(5000)])])
    assert band is not None
    assert (len(band.x), band.x[0], band.x[-1]) == (400, 0.0, 4999.0)
    assert band.mean == band.x


def test_the_files(tmp_path: Path) -> None:
    found = compare([FIRST, OTHER, SECOND], target=99.2)
    paths = write_comparison(found, tmp_path / "out")
    assert (
        {path.name for path in paths.values()} == set(FILES.values()) == {p.name for p in (tmp_path / "out").iterdir()}
    )
    tables = {}
    for key in ("studies", "budgets", "fronts", "hypervolume"):
        with paths[key].open() as file:
            tables[key] = list(csv.DictReader(file))
    assert [row["study"] for row in tables["studies"]] == ["a-s0", "a-s1", "b"]
    assert [(row["smallest_holding"], row["smallest_holding_params"]) for row in tables["studies"]] == [
        ("", ""),
        ("1", "6000"),
        ("1", "7500"),
    ]
    assert [int(row["params"]) for row in tables["fronts"]] == [4000, 7000, 3000, 6000, 2000, 7500]
    assert [row["epochs"] for row in tables["hypervolume"] if row["study"] == "a-s0"] == ["3", "6", "8"]
    report = json.loads(paths["report"].read_text())
    assert report == json.loads(json.dumps(to_json(found)))
    assert report["groups"][1]["settings_that_differ"] == {"sampler": "random"}
    assert [row["winner"] for row in study_rows(found)] == [1, 1, 1]


def test_the_folder_of_a_comparison() -> None:
    assert folder_name(["first", "second"]) == "compare-first-second"
    assert folder_name(["a/../b", "c d"]) == "compare-a_.._b-c_d"
    long = [folder_name([f"{'x' * 300}{end}", "y"]) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(name) < 64 for name in long)
    assert len(folder_name(["\N{SNOWMAN}" * 100, "\u4e2d" * 100]).encode()) < 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    studies = [
        study(f"{kind}-s{seed}", sample(40, seed + 10 * place), seed, kind)
        for place, kind in enumerate(("tpe", "random"))
        for seed in range(3)
    ]
    hostile = [study(HOSTILE, sample(30, 7), epochs=9), study("x" * 300, sample(30, 8), epochs=10)]
    paths = write_comparison(compare([*studies, *hostile], 99.0), tmp_path)
    with visit(browser, paths["page"], viewport={"width": 390, "height": 800}, color_scheme=scheme) as seen:
        page = seen.page
        page.wait_for_selector("[data-figure=volume_trained] .scatterlayer .trace")
        drawn = {name: page.locator(f"[data-figure={name}] .scatterlayer .trace").count() for name in
                 ("fronts", "volume_epochs", "volume_trained")}  # fmt: skip
        assert drawn == dict.fromkeys(drawn, 6)  # two lines with their bands, and two lines
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert HOSTILE in page.inner_text("#studies")
        legend = page.text_content("[data-figure=fronts] .legend") or ""
        assert "random (3 seeds)" in legend
        assert HOSTILE[:40] in legend
        assert "x" * 40 + "..." in legend
        assert "epochs\t15\t15\t9\t10" in page.inner_text("#differences")
        assert page.locator("img").count() == 0
        assert axe_violations(page) == []
        assert seen.errors == []
        assert seen.requests == []


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        (tmp_path / f"x-s{seed}").mkdir()
        given = settings("mnist", 10_000, seed=seed)
        make_study(tmp_path / f"x-s{seed}" / "study.db", sample(12, seed), f"x-s{seed}", given, (session(),))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(["report", "--compare", "x-s0", "x-s1", "--runs", str(tmp_path)]) == 0
    folder = tmp_path / "compare-x-s0-x-s1"
    assert str(folder / "index.html") in capfd.readouterr().out
    assert {path.name for path in folder.iterdir()} == set(FILES.values())
    assert {path: path.read_bytes() for path in before} == before
    options = ["--compare", "--runs", str(tmp_path), "--output", str(tmp_path / "out"), "--json"]
    assert run(["report", "x-s0", "x-s1", *options]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["groups"][0]["seeds"] == [0, 1]
    assert math.isfinite(report["groups"][0]["hypervolume_at_common_epochs"]["mean"])
    assert (tmp_path / "out" / "index.html").is_file()
    for arguments, says in (
        (["x-s0", "x-s1"], "give --compare"),
        (["--compare", "x-s0"], "needs two studies or more"),
        (["--compare", "x-s0", "x-s0"], "given twice"),
        (["--compare", "x-s0", "nowhere"], "no study 'nowhere'"),
        (["--compare", "x-s0", "x-s1", "--output", str(folder / "index.html" / "x")], "cannot be written"),
    ):
        assert run(["report", *arguments, "--runs", str(tmp_path)]) == 2
        error = capfd.readouterr().err
        assert says in error
        assert error.count("\n") == 1
