"""The layer table as data, on a terminal of 80 columns, and as `python -m underbudget.budget`."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from underbudget.budget.__main__ import main
from underbudget.budget.table import LayerRow, describe, render, rows
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, parse_input_shape, plan
from underbudget.models.references import reference

ROOT = Path(__file__).parents[1]


def planned(text: str, shape: tuple[int, int, int] = (1, 28, 28)) -> Plan:
    return plan(parse(text), shape)


def printed(network: Plan, width: int = 80, precision: str = "float32", name: str | None = None) -> str:
    """What a terminal without colour shows."""
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True, highlight=False).print(render(network, precision, name))
    return stream.getvalue()


def test_receptive_fields_of_tharun_m6_are_the_published_ones() -> None:
    table = rows(plan(reference("tharun-m6").architecture, (1, 28, 28)))
    assert [row.receptive_field for row in table] == [3, 5, 5, 6, 10, 14, 18, 22, 28, 28]
    assert [row.jump for row in table] == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]
    assert [row.output_shape for row in table[-2:]] == [(16, 1, 1), (10, 1, 1)]


def test_a_row_is_a_whole_stage() -> None:
    # Input 2x10x8. Separable: depthwise 2 * 9 = 18 weights, 2x10x8 * 9 = 1,440 MACs; pointwise 6 * 2 = 12 weights,
    # 6x10x8 * 2 = 960 MACs; batch norm 12. Values 160 + 160 = 320, then 160 + 480 = 640.
    # Pool: window 2x1 at every second row: 6x5x8 = 240 values, 480 + 240 = 720; 3x3 grows to 4x3, jump 2x1.
    # Linear: the 5x8 map at a jump of 2x1 covers 4 + 4 * 2 = 12 rows and 3 + 7 * 1 = 10 columns; 240 * 3 weights + 3.
    network = planned("sep3x3(6,p1) bn relu drop0.1 | maxpool2x1 | linear(3)", (2, 10, 8))
    assert rows(network, "int8") == (
        LayerRow("sep3x3(6,p1)", "bn relu drop0.1", (6, 10, 8), 42, 2_400, 640, 3, 1),
        LayerRow("maxpool2x1", "", (6, 5, 8), 0, 0, 720, (4, 3), (2, 1)),
        LayerRow("linear(3)", "", (3,), 723, 720, 243, (12, 10), (2, 1)),
    )
    assert [row.peak_bytes for row in rows(network)] == [2_560, 2_880, 972]


def test_describe_is_the_json_of_show() -> None:
    network = planned("conv3x1(4) bn relu | gap | linear(10)", (1, 6, 5))
    # conv: output 4x4x5 = 80 values, 12 weights + 8 of batch norm, 80 * 3 = 240 MACs, 30 + 80 = 110 values.
    # gap sees the whole input: 3 + 3 rows, 1 + 4 columns.
    assert json.loads(json.dumps(describe(network, "int8", "tiny"))) == {
        "name": "tiny",
        "id": network.architecture.id,
        "layers_text": "conv3x1(4) bn relu | gap | linear(10)",
        "input_shape": [1, 6, 5],
        "classes": 10,
        "precision": "int8",
        "params": 70,
        "macs": 280,
        "peak_bytes": 110,
        "params_bytes": 70,
        "receptive_field": [6, 5],
        "layers": [
            {
                "op": "conv3x1(4)",
                "tail": "bn relu",
                "output_shape": [4, 4, 5],
                "params": 20,
                "macs": 240,
                "receptive_field": [3, 1],
                "jump": 1,
            },
            {
                "op": "gap",
                "tail": "",
                "output_shape": [4, 1, 1],
                "params": 0,
                "macs": 0,
                "receptive_field": [6, 5],
                "jump": 1,
            },
            {
                "op": "linear(10)",
                "tail": "",
                "output_shape": [10],
                "params": 50,
                "macs": 40,
                "receptive_field": [6, 5],
                "jump": 1,
            },
        ],
    }


def test_the_table_on_80_columns() -> None:
    network = plan(reference("saish-m4").architecture, (1, 28, 28))
    lines = printed(network, name="saish-m4").splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines[0].startswith(f"saish-m4 {network.architecture.id}, input 1x28x28")
    assert lines[4].split() == ["2", "conv3x3(16)", "relu", "bn", "drop0.05", "16x24x24", "1,184", "663,552", "5", "1"]
    assert [" ".join(line.split()) for line in lines[-4:]] == [
        "parameters 7,600 (29.7 KiB in float32)",
        "MACs 1,092,528",
        "peak activations 59,904 bytes (58.5 KiB in float32, batch 1), at stage 3",
        "receptive field 28 of 28x28 pixels",
    ]


def test_numbers_are_never_cut_where_the_operation_has_to_wrap() -> None:
    network = planned(
        "conv3x5(400,p1x2,s2x1,g2,bias=T) bn relu drop0.05 drop0.1 relu | conv3x3(2000,p1) | gap | linear(100000)",
        (2, 100, 1000),
    )
    shown = printed(network)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "…" not in shown
    for row in rows(network):
        assert f" {row.params:,} " in shown
        assert f" {row.macs:,} " in shown
        assert f" {'x'.join(map(str, row.output_shape))} " in shown
    assert "…" not in printed(network, width=30)


def test_markup_in_a_name_is_text() -> None:
    assert printed(planned("linear(10)"), name="[bold]x[/bold] [red").startswith("[bold]x[/bold] [red ")


@pytest.mark.parametrize("function", [rows, describe, render])
def test_an_unknown_precision_is_a_user_error(function: object) -> None:
    assert callable(function)
    with pytest.raises(UserError, match="float32 or int8, not 'bf16'"):
        function(planned("linear(10)"), "bf16")


def test_module_prints_a_reference_without_importing_torch() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "budget", "saish-m4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "7,600" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "underbudget.budget.table" in imported
    assert not imported & {"torch", "optuna", "pandas"}


def test_module_prints_a_layer_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conv3x3(8) relu | gap | linear(10)", "--input", "1x28x28"]) == 0
    shown = capsys.readouterr().out
    assert "conv3x3(8) relu" in shown
    assert "48,752" in shown  # 8 * 26 * 26 * 9 + 80
    assert main(["gap", "--input", "10x4x4", "--json"]) == 0  # a word that is a layer, not a reference
    assert json.loads(capsys.readouterr().out)["classes"] == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["saish-m44"], "did you mean saish-m4?"),
        (["conv3x3(8"], "character 8"),
        (["conv3x3(8) | gap | liner(10)"], "did you mean linear"),
        ([""], "an empty stage"),
        (["conv3x3(10) | gap", "--input", "28x28"], "CHANNELSxHEIGHTxWIDTH"),
        (["conv3x3(10) | gap", "--classes", "9"], "9 classes"),
        (["conv3x3(10) | gap", "--classes", "ten"], "--classes"),
        (["conv3x3(10) | gap", "--precision", "bf16"], "float32 or int8"),
        (["conv9x9(10) | gap", "--input", "1x8x8"], "below 1x1"),
        ([], "--help"),
        (["gap", "--inputs-of-mine"], "--help"),
    ],
)
def test_module_errors_are_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "shape"), [("1x28x28", (1, 28, 28)), (" 3x5x1000000 ", (3, 5, 1_000_000)), ("03x5x7", (3, 5, 7))]
)
def test_input_shapes(text: str, shape: tuple[int, int, int]) -> None:
    assert parse_input_shape(text) == shape


@pytest.mark.parametrize(
    "text",
    [
        "",
        "28",
        "28x28",
        "1x28x28x1",
        "0x28x28",
        "-1x28x28",
        "1x28x1000001",
        "1x28x2.5",
        "1X28X28",
        "1x28x\u0662",
        "x" * 99,
    ],
)
def test_malformed_input_shapes_are_one_line_errors(text: str) -> None:
    with pytest.raises(UserError, match=r"CHANNELSxHEIGHTxWIDTH.*e\.g\. 1x28x28, not '") as error:
        parse_input_shape(text)
    assert len(str(error.value)) < 160
