"""The page: parsed by a stranger, nothing fetched, nothing of the user's text taken as markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from studies import Spec, sample, session, settings, study_record

from underbudget.reports.page.front_figure import y_range
from underbudget.reports.page.published import LABEL, Published, published_points
from underbudget.reports.page.study import render_page
from underbudget.reports.page.template import script_json
from underbudget.reports.record import StudyRecord

EVIL = "<img src=x onerror=alert(1)>"
CLOSING = "</script><script>alert(1)</script><!--"
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """What the standard library's parser sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.style: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self.open and self.open[-1] == "style":
            self.style.append(data)
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    @property
    def data(self) -> dict[str, Any]:
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == "data")

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def page(study: StudyRecord, target: float | None = None) -> Page:
    return Page(render_page(study, target))


@pytest.fixture(scope="module")
def mnist() -> Page:
    return page(study_record(sample(60), study_settings=settings("mnist", 10_000), sessions=(session(),)), 99.3)


def traces(figure: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in figure["data"]}


def test_every_tag_is_closed_and_every_section_there(mnist: Page) -> None:
    assert mnist.open == []
    sections = {"headline", "front", "details", "progress", "curves", "spending", "importance", "savings", "winner"}
    assert sections | {"trials", "provenance"} <= set(mnist.attributes("id"))
    linked = [address for address in mnist.attributes("href") if address.startswith("#")]
    assert {address[1:] for address in linked} <= set(mnist.attributes("id"))
    assert len(linked) == 9
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in mnist.tags


def test_nothing_is_fetched(mnist: Page) -> None:
    assert mnist.attributes("src") == []
    fetched = {address for address in mnist.attributes("href") if not address.startswith("#")}
    assert fetched == {"data:,", "trials.csv", "front.csv", "report.json"}
    assert {tag for tag, _ in mnist.tags} & {"img", "iframe", "object", "embed", "base", "form"} == set()
    style = "".join(mnist.style)
    assert "--blue" in style
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_scripts_may_run(mnist: Page) -> None:
    policy = next(attrs["content"] for _, attrs in mnist.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    run = [text for attributes, text in mnist.scripts if "type" not in attributes]
    assert allowed == [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_hostile_text_stays_text() -> None:
    hostile = EVIL + CLOSING
    spec = Spec("complete", 7000, (99.0, 99.0, 99.0), layers=hostile)
    study = study_record(
        [spec, Spec("failed", 6000, (), hostile), Spec("rejected", 9000, (), hostile)],
        name=EVIL,
        study_settings=settings(hostile, budget=hostile, recipe={hostile: hostile}, version=hostile),
        sessions=(session(command=hostile, **{hostile: hostile}),),
    )
    parsed = page(study)
    assert parsed.open == []
    assert len(parsed.scripts) == len(page(study_record([Spec()])).scripts)
    assert "img" not in {tag for tag, _ in parsed.tags}
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    assert EVIL in parsed.words
    rows = parsed.data["trials"]["rows"]
    assert hostile in rows[0]
    assert hostile in rows[2]
    for figure in ("front", "curves"):
        assert "<img" not in json.dumps(parsed.data[figure])
        assert "<script" not in json.dumps(parsed.data[figure])
    assert "&lt;img src=x" in json.dumps(parsed.data["front"])


@given(st.recursive(st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_script_json_reads_back_and_closes_no_script(value: Any) -> None:
    text = script_json({"value": value, CLOSING: CLOSING})
    assert "<" not in text
    assert json.loads(text) == {"value": value, CLOSING: CLOSING}


def test_the_headline_says_what_the_number_rests_on() -> None:
    study = study_record(
        [
            Spec("complete", 7000, (99.0, 99.0, 99.0)),
            Spec("complete", 6000, (98.0,)),
            Spec("failed", reason="no memory"),
        ],
        study_settings=settings(validation=300),
    )
    words = page(study).words
    assert "99.00 %" in words
    expected = binomtest(297, 300).proportion_ci(method="wilson")
    assert f"95 % interval {100 * expected.low:.2f}\N{EN DASH}{100 * expected.high:.2f} %, n = 300 images" in words
    assert "87.5 % of the 7,999 allowed" in words
    assert "validation, mean of the last 3 epochs, one run" in words
    assert "best of 2 complete trials" in words
    assert "3 proposed 2 complete 0 stopped early 0 rejected, no training step 1 failed" in words
    assert "no memory" in words


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ((), "nothing has been proposed"),
        ((Spec("rejected", 9000, ()),), "No trial has a score yet"),
        ((Spec("failed", 7000, (), "worker died"),), "worker died"),
        ((Spec("complete", 7000, (float("nan"),)),), "No trial has a score yet"),
    ],
)
def test_a_study_without_a_winner(specs: tuple[Spec, ...], says: str) -> None:
    parsed = page(study_record(specs))
    assert says in parsed.words
    assert "front-figure" not in parsed.attributes("id")
    assert parsed.open == []


def test_the_front_figure_by_hand() -> None:
    study = study_record(
        [
            Spec(params=7000, accuracies=(99.0,)),
            Spec(params=5000, accuracies=(98.0,)),
            Spec(params=6000, accuracies=(97.0,)),
        ]
    )
    figure = page(study).data["front"]
    named = traces(figure)
    assert list(named) == ["complete, not on the front (1)", "front (2), 95 % intervals", "winner, trial 0"]
    front = named["front (2), 95 % intervals"]
    assert front["x"] == [5000, 7000]
    assert front["y"] == [98.0, 99.0]
    assert front["y"][0] + front["error_y"]["array"][0] == pytest.approx(99.11, abs=0.01)  # Wilson, 264.6 of 270
    assert "trial 1" in front["hovertext"][0]
    assert "5,000 parameters" in front["hovertext"][0]
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [7999, 7999]
    # 99.9 % is less than half an image of 270 from 100 %: its label would stand on that of 99.8 %.
    assert figure["layout"]["meta"]["ticks"][-2:] == [99.5, 99.8]


def test_layers_are_wrapped_in_hover_boxes(mnist: Page) -> None:
    for name, trace in traces(mnist.data["front"]).items():
        if name != LABEL:
            assert all(len(line) < 60 for text in trace["hovertext"] for line in text.split("<br>"))


def test_published_points_stand_over_mnist_only(mnist: Page) -> None:
    points = traces(mnist.data["front"])[LABEL]
    assert (7704, 99.62) in zip(points["x"], points["y"], strict=True)
    assert max(points["x"]) <= 7999 * 1.25
    assert published_points("digits") == published_points("fashion-mnist") == ()
    study = study_record([Spec()], study_settings=settings("fashion-mnist"))
    parsed = page(study)
    assert LABEL not in traces(parsed.data["front"])
    assert "ublished" not in parsed.words


def test_a_published_result_is_drawn_once() -> None:
    points = published_points("mnist")
    assert len({(point.params, point.accuracy, point.epochs, point.name) for point in points}) == len(points)
    assert [point.params for point in points] == sorted(point.params for point in points)
    assert Published("saish-m4", 7600, 99.53, 15) in points
    assert len([point for point in points if (point.params, point.accuracy) == (7600, 99.53)]) == 1


def test_a_budget_without_a_limit_on_parameters_has_no_budget_line() -> None:
    parsed = page(study_record([Spec()], study_settings=settings(budget="macs<=1.5M")))
    assert parsed.data["front"]["layout"]["shapes"] == []
    assert "28.0 % of the 1,500,000 allowed macs (420,000)" in parsed.words


def test_the_share_of_the_budget_is_that_of_the_largest_allowed_count() -> None:
    parsed = page(study_record([Spec(params=9)], study_settings=settings(budget="params<10")))
    assert "100.0 % of the 9 allowed" in parsed.words


def test_a_target_is_told_and_drawn(mnist: Page) -> None:
    assert "Target 99.3 %" in mnist.words
    assert mnist.data["front"]["layout"]["shapes"][-1]["y0"] == 99.3
    assert "no network holds it" in page(study_record([Spec()]), 99.9).words


def test_the_curves_are_those_of_the_front(mnist: Page) -> None:
    study = study_record(
        [
            Spec(params=7000, accuracies=(90.0, 100.0)),
            Spec(params=6000, accuracies=(80.0,)),
            Spec(params=6500, accuracies=(70.0,)),
        ]
    )
    figure = page(study).data["curves"]
    behind, validation = figure["data"][0], figure["data"][1]
    assert list(traces(figure)) == [
        "complete, not on the front (1)",
        "#0, 7,000 parameters",
        "#1, 6,000 parameters",
    ]
    assert (behind["x"], behind["y"]) == ([1, None], [30.0, None])
    # The axis is the error: 10 %, then half an image of 270 in place of zero.
    assert validation["y"] == [10.0, pytest.approx(50 / 270, abs=1e-4)]
    assert "validation 100.00 %" in validation["hovertext"][1]
    assert len([trace for trace in mnist.data["curves"]["data"] if trace.get("visible") is True]) <= 6 * 4


def test_many_front_trials_are_thinned_with_both_ends_kept() -> None:
    specs = [Spec(params=1000 + step, accuracies=(50 + step / 2,)) for step in range(60)]
    curves = page(study_record(specs)).data["curves"]["data"]
    names = [name for name in dict.fromkeys(trace["name"] for trace in curves) if name.startswith("#")]
    assert len(names) == 18
    assert names[0] == "#59, 1,059 parameters"
    assert names[-1] == "#0, 1,000 parameters"


def test_the_trial_table_has_a_row_per_proposal(mnist: Page) -> None:
    table = mnist.data["trials"]
    assert len(table["rows"]) == 60
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}


def test_few_trials_that_failed_to_learn_do_not_squash_the_figure() -> None:
    scores = [99.0 + step / 100 for step in range(40)] + [10.0]
    bottom, top = y_range(scores, [99.39], [])
    assert 98 < bottom < 99.39 < top < 100.5
    assert y_range([], [], []) == (0.0, 100.0)
    bottom, top = y_range([100.0], [100.0], [])
    assert bottom < 100 < top
