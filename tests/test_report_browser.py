"""The report in a real browser: it needs no network, answers to clicks and keys, and can be read by everybody."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import pytest
from browser import Visit, axe_violations, visit
from playwright.sync_api import Browser, expect
from scipy.stats import t
from stub_runs import a_run
from studies import Spec, sample, session, settings, study_record

from underbudget.reports.page.study import render_page
from underbudget.reports.record import StudyRecord
from underbudget.reports.runs import to_json

EVIL = "<img src=x onerror=alert(1)>\"'/ß漢"
PHONE = {"viewport": {"width": 390, "height": 844}}


def write(folder: Path, study: StudyRecord, target: float | None = None) -> Path:
    path = folder / "index.html"
    path.write_text(render_page(study, target), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = study_record(sample(80), study_settings=settings("mnist", 10_000), sessions=(session(),))
    return write(tmp_path_factory.mktemp("report"), study, 99.3)


def drawn(seen: Visit) -> None:
    """Wait until all figures are there."""
    expect(seen.page.locator("[data-figure]:not([data-drawn])")).to_have_count(0)


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark"}, PHONE, {**PHONE, "color_scheme": "dark"}], ids=str)
def test_it_opens_without_an_error_or_a_request(browser: Browser, report: Path, context: dict[str, object]) -> None:
    with visit(browser, report, **context) as seen:
        drawn(seen)
        assert seen.errors == []
        assert seen.requests == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= seen.page.viewport_size["width"]
        assert seen.page.locator(".figure .main-svg").count() >= 10
        assert seen.page.get_by_text("WebGL").count() == 0
        assert axe_violations(seen.page) == []


def test_a_click_on_a_point_of_the_front_shows_its_network(browser: Browser, report: Path) -> None:
    with visit(browser, report, viewport={"width": 1200, "height": 900}) as seen:
        drawn(seen)
        page = seen.page
        details = page.locator("#details")
        expect(details).to_be_hidden()
        figure = page.locator("#front-figure")
        figure.scroll_into_view_if_needed()
        # Where Plotly has drawn the star of the winner, its last trace of points.
        star = figure.locator(".scatterlayer .trace").last.locator(".point").last
        box = star.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(details).to_be_visible()
        winner = page.locator("#headline .card p").first.inner_text().split("trial ")[1].split()[0]
        assert details.locator("h3").inner_text() == f"Trial {winner}"
        assert details.locator(".diagram svg").count() == details.locator("#details-layers tbody tr").count()
        assert f"underbudget export demo:{winner} --output trial-{winner}.py" in details.locator("pre").inner_text()
        assert details.locator("#details-curve .scatterlayer .trace").count() == 4
        assert axe_violations(page) == []
        details.get_by_role("button", name="close").click()
        expect(details).to_be_hidden()
        assert seen.errors == []


def test_a_trial_is_reached_by_the_keyboard(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        button = seen.page.locator("#trial-table button[data-trial]").nth(3)
        number = button.inner_text()
        button.focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.locator("#details-title")).to_have_text(f"Trial {number}")
        assert seen.page.evaluate("document.activeElement.id") == "details"


def test_the_axes_switch(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        drawn(seen)
        page = seen.page

        def axes() -> list[str]:
            return page.evaluate(
                "(({xaxis, yaxis}) => [xaxis.type, yaxis.type])(document.getElementById('front-figure')._fullLayout)"
            )

        def winner() -> float:
            return page.evaluate("document.getElementById('front-figure').data.at(-1).y[0]")

        def target() -> float:
            return page.evaluate("document.getElementById('front-figure').layout.shapes.at(-1).y1")

        def bars() -> list[list[float]]:
            return page.evaluate(
                "(({error_y}) => [error_y.array, error_y.arrayminus])"
                "(document.getElementById('front-figure').data.find((one) => one.error_y))"
            )

        assert axes() == ["linear", "log"]
        error = winner()
        assert target() == pytest.approx(100 - 99.3)
        up, down = bars()
        page.get_by_label("logarithmic parameters").check()
        assert axes() == ["log", "log"]
        page.get_by_label("logarithmic error").uncheck()
        assert axes() == ["log", "linear"]
        assert winner() == pytest.approx(100 - error)
        assert target() == 99.3
        # What reaches up on the axis of the accuracy reaches down to a smaller error.
        assert bars() == [pytest.approx(down), pytest.approx(up)]
        assert up != pytest.approx(down)
        assert seen.errors == []


def test_the_table_sorts_and_filters(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        page = seen.page

        def column(index: int) -> list[str]:
            return page.locator(f"#trial-table tbody tr td:nth-child({index})").all_inner_texts()

        assert column(1) == [str(number) for number in range(80)]
        page.locator("#trial-table th button", has_text="parameters").click()
        counts = [int(text.replace(",", "")) for text in column(3)]
        assert counts == sorted(counts, reverse=True)
        page.locator("#trial-table th button", has_text="parameters").click()
        assert [int(text.replace(",", "")) for text in column(3)] == sorted(counts)
        page.get_by_label("state").select_option("rejected")
        assert set(column(2)) == {"rejected"}
        rejected = len(column(2))
        assert page.locator("#trial-count").inner_text() == f"{rejected} of 80"
        page.get_by_label("find").fill("no such thing")
        assert column(2) == []


def test_it_follows_light_and_dark(browser: Browser, report: Path) -> None:
    with visit(browser, report, color_scheme="light") as seen:
        drawn(seen)
        label = seen.page.locator("#front-figure .xtick text").first
        expect(label).to_have_css("fill", "rgb(28, 37, 48)")  # --text of page.css
        seen.page.emulate_media(color_scheme="dark")
        expect(label).to_have_css("fill", "rgb(228, 232, 236)")
        assert seen.errors == []


def test_it_prints(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        drawn(seen)
        seen.page.emulate_media(media="print")
        assert not seen.page.locator("#trial-find").is_visible()
        assert seen.page.locator("#front-figure").is_visible()
        printed = seen.page.pdf()
        assert printed.startswith(b"%PDF")
        assert seen.errors == []


def test_hostile_names_do_no_harm(browser: Browser, tmp_path: Path) -> None:
    study = study_record(
        [Spec("complete", 7000, (99.0,) * 3, layers=EVIL), Spec("failed", 6000, (), EVIL)] + [Spec()] * 12,
        name=EVIL + "x" * 300,
        study_settings={**settings(), "dataset": {**settings()["dataset"], "title": EVIL, "classes": [EVIL] * 10}},
        sessions=(session(command=EVIL),),
    )
    with visit(browser, write(tmp_path, study)) as seen:
        seen.page.on("dialog", lambda dialog: seen.errors.append(dialog.message))
        drawn(seen)
        for button in seen.page.locator("#trial-table button[data-trial]").all()[:2]:
            button.click()
        assert seen.page.locator("img[src=x]").count() == 0
        assert EVIL in seen.page.title()
        assert EVIL in seen.page.locator("#details-facts").inner_text()
        assert seen.errors == []
        assert seen.requests == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= seen.page.viewport_size["width"]


@pytest.mark.parametrize(
    "specs",
    [
        [],
        [Spec()],
        [Spec("rejected", 9000, ())] * 3,
        [Spec("failed", 7000, (), "worker died")] * 3,
        [Spec("failed", proposed=False)],
        [Spec("complete", 7000, (float("nan"),) * 3)],
        [Spec("stopped", 7000, (50.0,), "early")],
        [Spec("running", 7000, (50.0,))],
    ],
    ids=["empty", "one", "all rejected", "all failed", "died before it was proposed", "NaN", "all stopped", "running"],
)
def test_a_poor_study_has_a_page_too(browser: Browser, tmp_path: Path, specs: list[Spec]) -> None:
    with visit(browser, write(tmp_path, study_record(specs))) as seen:
        drawn(seen)
        for button in seen.page.locator("[data-trial]").all():
            button.click()
            expect(seen.page.locator("#details")).to_be_visible()
        assert seen.errors == []
        assert axe_violations(seen.page) == []


def test_finalists_stand_on_the_front_with_their_intervals(browser: Browser, tmp_path: Path) -> None:
    study = study_record([Spec(accuracies=(99.0,) * 3), Spec(params=5000, accuracies=(98.0,) * 3)])
    runs = [to_json(a_run((98.0, last), name="demo:0", seed=seed)) for seed, last in enumerate((99.1, 99.2, 99.6))]
    with visit(browser, write(tmp_path, replace(study, confirmations=tuple(runs)), 99.0)) as seen:
        drawn(seen)
        page = seen.page
        trace = page.evaluate(
            "document.getElementById('front-figure').data.find((one) => one.name.startsWith('confirmed'))"
        )
        assert trace["customdata"] == [0]
        assert trace["y"] == [pytest.approx(100 - 99.3, abs=1e-4)]  # the mean, on the axis of the error
        # Student's 95 % interval of three values, from SciPy; upwards means a smaller error.
        half = t.ppf(0.975, 2) * stdev((99.1, 99.2, 99.6)) / math.sqrt(3)
        assert trace["error_y"]["array"] == [pytest.approx(half, abs=1e-4)]
        row = page.locator("#finalists tbody tr").inner_text()
        assert "99.30" in row
        assert "3 seeds" in row
        assert "99.30 %" in page.locator("#headline .cards").inner_text()
        assert (
            "target 99.00: held in each of the last 2 epochs by 0 of 3 seeds" in page.locator("#headline").inner_text()
        )
        assert seen.errors == []
