"""Figures and tables for a paper: read by strangers (pypdf, Pillow, an XML parser, TeX where there is one)."""

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
import stub_runs
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader
from scipy.stats import binomtest
from studies import Spec, make_study, sample, settings, study_record

from underbudget.models.errors import UserError
from underbudget.reports import latex, paper_figures
from underbudget.reports.paper import FILES, write_figures
from underbudget.reports.record import StudyRecord
from underbudget.reports.runs import to_json
from underbudget.reports.statistics import summary
from underbudget.search.commands.main import run

# "Color Universal Design", 2008; the rest of a figure is grey.
OKABE_ITO = {"#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"}
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = r"""a_b%c#d$e&f{g}h\i^j~k<l>m|n"o`p'q--r \end{document} é ß 中 <img src=x>""" + "\n\n\\par\x00\u2028end"


@pytest.fixture(scope="module")
def mnist() -> StudyRecord:
    return study_record(sample(60), study_settings=settings("mnist", 10_000))


@pytest.fixture(scope="module")
def figures(mnist: StudyRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    assert set(write_figures(mnist, folder, 3.25, target=99.4)) == set(FILES)
    return folder


@pytest.mark.parametrize("name", ["front", "curves"])
def test_a_pdf_has_the_asked_width_and_brings_its_fonts(figures: Path, name: str) -> None:
    (page,) = PdfReader(figures / f"{name}.pdf").pages
    assert page.mediabox.width == pytest.approx(3.25 * 72)
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].get_object().values()]
    assert fonts
    for font in fonts:
        assert font["/Subtype"] != "/Type3"
        (descendant,) = font["/DescendantFonts"]
        assert descendant.get_object()["/FontDescriptor"].get_object()["/FontFile2"].get_object().get_data()
    assert "parameters" in page.extract_text()


@pytest.mark.parametrize("name", ["front", "curves"])
def test_a_png_is_for_print_and_no_blank(figures: Path, name: str) -> None:
    with Image.open(figures / f"{name}.png") as picture:
        assert (picture.width, picture.info["dpi"][0]) == (3.25 * 300, pytest.approx(300, abs=0.1))
        assert len(set(picture.convert("L").get_flattened_data())) > 50


@pytest.mark.parametrize("name", ["front", "curves"])
def test_an_svg_needs_nothing_and_is_safe_for_the_colour_blind(figures: Path, name: str) -> None:
    text = (figures / f"{name}.svg").read_text()
    tree = ElementTree.fromstring(text)
    assert not list(tree.iter(f"{SVG}text"))  # outlines: no font of the reader's is needed
    links = [value for one in tree.iter() for key, value in one.attrib.items() if key.endswith("href")]
    assert all(link.startswith(("#", "data:image/png")) for link in links)
    colors = set(re.findall(r"#[0-9a-f]{6}\b", text))
    greys = {color for color in colors if color[1:3] == color[3:5] == color[5:7]}
    assert colors - greys <= OKABE_ITO
    assert colors - greys


def test_without_colour_lines_differ_in_dashes_and_in_markers(figures: Path) -> None:
    _, dashes, markers = zip(*paper_figures._STYLES, strict=True)
    assert len(set(dashes)) == len(set(markers)) == len(paper_figures._STYLES)
    # In the front every colour has marks of its own shape.
    tree = ElementTree.parse(figures / "front.svg")
    outlines = {path.get("id"): path.get("d") for path in tree.iter(f"{SVG}path")}
    shapes: dict[str, set[str | None]] = {}
    for use in tree.iter(f"{SVG}use"):
        color = re.search("#[0-9a-f]{6}", use.get("style", ""))
        if color and color[0] != "#000000":  # ticks
            link = use.get("{http://www.w3.org/1999/xlink}href", "")
            shapes.setdefault(color[0], set()).add(outlines[link[1:]])
    assert len(shapes) >= 4
    for color, found in shapes.items():
        assert not found & set().union(*(others for other, others in shapes.items() if other != color))


def test_equal_studies_give_equal_files_whatever_the_settings_of_matplotlib(
    mnist: StudyRecord, figures: Path, tmp_path: Path
) -> None:
    with matplotlib.rc_context({"font.size": 30, "axes.edgecolor": "red", "text.usetex": True, "pdf.fonttype": 3}):
        write_figures(mnist, tmp_path, 3.25, target=99.4)
        assert matplotlib.rcParams["font.size"] == 30
    for name in FILES.values():
        assert (tmp_path / name).read_bytes() == (figures / name).read_bytes(), name
    assert b"/CreationDate" not in (figures / "front.pdf").read_bytes()
    assert "<dc:date>" not in (figures / "front.svg").read_text()


def test_a_figure_shows_no_text_of_the_users_and_says_what_is_cut_off(tmp_path: Path) -> None:
    specs = [Spec(params=7000, accuracies=(99.0,) * 3, layers=HOSTILE), Spec(params=7500, accuracies=(11.0,) * 3)]
    write_figures(study_record(specs, name=HOSTILE, study_settings=settings(HOSTILE)), tmp_path)
    text = PdfReader(tmp_path / "front.pdf").pages[0].extract_text()
    assert "not on the front (1, 1 below)" in text
    assert "a_b" not in text


@pytest.mark.parametrize(
    "specs",
    [
        [Spec()],
        [Spec(accuracies=(100.0, 100.0, 100.0))],
        [Spec(params=5), Spec(params=2_000_000, accuracies=(99.9,))],
        [Spec(accuracies=(float("nan"), 99.0)), Spec("stopped", 6000, (50.0,)), Spec("rejected", 9000, ())],
        [Spec(accuracies=(0.0,))],
    ],
    ids=["one", "perfect", "wide", "nan and stopped", "zero"],
)
def test_odd_studies_can_be_drawn(specs: list[Spec], tmp_path: Path) -> None:
    study = study_record(specs)
    if not any(trial.score is not None and trial.score == trial.score for trial in study.trials):
        study = study_record([*specs, Spec(accuracies=(90.0,) * 3)])
    write_figures(study, tmp_path, 2.5)
    with Image.open(tmp_path / "front.png") as picture:
        assert picture.width == 750


def test_no_front_no_width(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no complete trial yet"):
        write_figures(study_record([Spec("rejected", 9000, ())]), tmp_path / "none")
    for width in (2.4, 12.1, float("nan")):
        with pytest.raises(UserError, match=r"--column-width is in inches, from 2\.5 to 12"):
            write_figures(study_record([Spec()]), tmp_path / "none", width)
    assert not (tmp_path / "none").exists()


def cells(table: str) -> list[list[str]]:
    """The rows between the rules of a booktabs table."""
    body = table.split(r"\midrule")[1].split(r"\bottomrule")[0]
    return [[cell.strip() for cell in line.split(r"\\")[0].split("&")] for line in body.strip().splitlines()]


def test_the_table_by_hand() -> None:
    small = Spec(params=950, accuracies=(26600 / 270,) * 3, layers="gap | linear(10)")
    table = latex.front_table(study_record([Spec(params=7000, accuracies=(26800 / 270,) * 3), small]), {})
    ends = [binomtest(correct, 270).proportion_ci(method="wilson") for correct in (266, 268)]
    low, high = [f"{100 * end.low:.2f}--{100 * end.high:.2f}" for end in ends]
    # MACs are 60 per parameter.
    assert cells(table) == [["950", "57,000", "98.52", low, "1"], ["7,000", "420,000", "99.26", high, "0"]]
    assert "% gap | linear(10)\n" in table
    assert r"\begin{tabular}{rrrrr}" in table
    assert "on 270 images" in table
    assert r"params\textless{}8000" in table
    confirmed = latex.front_table(study_record([Spec(accuracies=(99.0,) * 3), small]), {0: summary([98.9, 99.1, 99.0])})
    assert [row[4] for row in cells(confirmed)] == ["--", r"99.00 $\pm$ 0.10"]
    assert "mean of 3 fresh seeds" in confirmed


def test_another_cost_stands_first() -> None:
    table = latex.front_table(study_record([Spec()], study_settings=settings(minimize="macs")), {})
    assert table.splitlines()[7].strip().startswith("MACs & Params & Acc.")
    assert cells(table)[0][:2] == ["420,000", "7,000"]


_COMMAND = re.compile(
    r"\\text[a-z]+\{\}|\\[`'^~=.\"urHcv]\{[A-Za-z]?\}|\\(?:ss|ae|AE|oe|OE|o|O|l|L|i)\{\}|\\[{}$&#_%]|-\{\}"
)


@given(st.text())
def test_what_is_escaped_holds_nothing_that_latex_obeys(text: str) -> None:
    escaped = latex.escape(text)
    assert escaped.isascii()
    assert escaped.isprintable()
    rest = _COMMAND.sub("", escaped)
    assert not set(rest) & set('\\{}$&#_%^~<>|"`')
    assert "--" not in rest or "\N{EN DASH}" in text or "\N{EM DASH}" in text


def test_escaping_by_hand() -> None:
    assert latex.escape("50%_of$ \\x{}") == r"50\%\_of\$ \textbackslash{}x\{\}"
    assert latex.escape("Größe é 中") == r"Gr\"{o}\ss{}e \'{e} U+4E2D"
    assert latex.escape("a\n\nb\u2028c") == "a b c"


def test_a_comment_ends_where_its_line_ends() -> None:
    spec = Spec(layers="x\n\\input{evil}\r\\evil\u2028\\evil\x85\\evil")
    table = latex.front_table(study_record([spec], name=HOSTILE), {})
    assert [line for line in re.split(r"[\n\r\x85\u2028]", table) if line.lstrip().startswith(r"\evil")] == []
    assert table.count("\n") == 13
    assert table.isascii()


def test_it_compiles(figures: Path, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex: the tables are checked in their structure only")
    for name in ("front.tex", "front.pdf", "curves.pdf"):
        shutil.copy(figures / name, tmp_path)
    (tmp_path / "hostile.tex").write_text(latex.front_table(study_record([Spec(layers=HOSTILE)], name=HOSTILE), {}))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass[twocolumn]{article}\usepackage{booktabs,graphicx}\begin{document}\input{front}"
        r"\includegraphics{front.pdf}\includegraphics{curves.pdf}\input{hostile}\end{document}"
    )
    command = [program, "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_confirmed_finalists_are_drawn(tmp_path: Path) -> None:
    study = study_record([Spec(), Spec(params=5000, accuracies=(98.0,) * 3)], study_settings=settings("mnist", 10_000))
    runs = [to_json(stub_runs.a_run((99.0, last), name="demo:0", seed=seed)) for seed, last in enumerate((99.1, 99.3))]
    write_figures(replace(study, confirmations=tuple(runs)), tmp_path)
    assert "confirmed on test" in PdfReader(tmp_path / "front.pdf").pages[0].extract_text()
    assert r"99.20 $\pm$ 0.14" in (tmp_path / "front.tex").read_text()


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").mkdir()
    make_study(tmp_path / "demo" / "study.db", sample(20))
    assert run(["report", "demo", "--runs", str(tmp_path), "--figures", "--column-width", "5"]) == 0
    printed = capfd.readouterr().out
    folder = tmp_path / "demo" / "report"
    for name in FILES.values():
        assert str(folder / "figures" / name) in printed
    with (folder / "front.csv").open() as one, (folder / "figures" / "front.csv").open() as other:
        assert list(csv.DictReader(one)) == list(csv.DictReader(other))
    assert float(PdfReader(folder / "figures" / "curves.pdf").pages[0].mediabox.width) == pytest.approx(360)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--column-width", "5"], "give --figures too"),
        (["--figures", "--column-width", "50"], "from 2.5 to 12, not 50"),
        (["--figures", "--column-width", "wide"], "--column-width is a number, not 'wide'"),
        (["--figures"], "has no complete trial yet"),
        (["--figures", "--compare"], "run report twice"),
    ],
)
def test_user_mistakes(options: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    make_study(tmp_path / "empty" / "study.db", [Spec("rejected", 9000, ())], name="empty")
    assert run(["report", "empty", "--runs", str(tmp_path), *options]) == 2
    error = capfd.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "empty" / "report").exists()
