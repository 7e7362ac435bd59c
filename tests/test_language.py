"""The layer language: round trip, canonical text, and errors that point at the right place."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import architectures

from underbudget.models.architecture import (
    ACTIVATIONS,
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    Linear,
    Pool,
    SeparableConv,
    Stage,
)
from underbudget.models.errors import UserError
from underbudget.models.language import LayerTextError, parse


@pytest.mark.parametrize(
    ("text", "primary"),
    [
        ("conv3x3(8)", Conv(8, (3, 3))),
        ("conv1x5(8,p0x2,s2x1,g4,bias=T)", Conv(8, (1, 5), (2, 1), (0, 2), 4, True)),
        ("conv3x3(8,bias=F)", Conv(8, (3, 3))),
        ("conv3(8)", Conv(8, (3, 3))),
        ("sep3x5(16,p1,s2,bias=T)", SeparableConv(16, (3, 5), (2, 2), (1, 1), True)),
        ("maxpool2", Pool("max", (2, 2), (2, 2))),
        ("maxpool3(s2,p1)", Pool("max", (3, 3), (2, 2), (1, 1))),
        ("avgpool2x4(p1x2)", Pool("avg", (2, 4), (2, 4), (1, 2))),
        ("gap", GlobalAveragePool()),
        ("gap()", GlobalAveragePool()),
        ("linear(10)", Linear(10, True)),
        ("linear(10,bias=F)", Linear(10, False)),
        (" conv3x3( 8 ,\tp1 , bias = T )\n", Conv(8, (3, 3), padding=(1, 1), bias=True)),
        ("conv3x3(8,bias=T,s2,p1)", Conv(8, (3, 3), (2, 2), (1, 1), bias=True)),
    ],
)
def test_reads_each_operation(text, primary):
    assert parse(text) == Architecture((Stage(primary),))


def test_reads_stages_and_tails_in_order():
    architecture = parse("conv3x3(8) relu bn drop0.05|gap drop.5 | conv1x1(10)")
    assert architecture.stages == (
        Stage(Conv(8, (3, 3)), (Activation("relu"), BatchNorm(), Dropout(0.05))),
        Stage(GlobalAveragePool(), (Dropout(0.5),)),
        Stage(Conv(10, (1, 1))),
    )
    assert parse("conv3x3(8) bn relu") != parse("conv3x3(8) relu bn")


def test_map_size_of_gap_is_kept_for_the_plan_and_is_no_part_of_the_architecture():
    written = parse("gap(6x7)")
    assert written.stages[0].primary.expected == (6, 7)
    assert written == parse("gap")
    assert written.id == parse("gap").id
    assert str(written) == "gap"


def test_id_depends_on_the_network_and_not_on_its_spelling():
    assert parse("conv3(8,bias=F)|gap").id == parse(" conv3x3( 8 ) | gap()").id
    assert parse("conv3x3(8) | gap").id != parse("conv3x3(9) | gap").id
    # First digits of `printf 'conv3x3(8) | gap' | sha256sum`: ids are stored, they must never change.
    assert parse("conv3x3(8) | gap").id == "ba71f22aa024"


@given(architectures())
@settings(max_examples=400, deadline=None)
def test_round_trip(architecture):
    text = str(architecture)
    assert parse(text) == architecture
    assert str(parse(text)) == text
    assert len(text.splitlines()) == 1


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
@example(5e-324)
@example(1 - 2**-53)
@settings(deadline=None)
def test_every_dropout_rate_round_trips(rate):
    architecture = Architecture((Stage(GlobalAveragePool(), (Dropout(rate),)),))
    assert parse(str(architecture)) == architecture


# Positions counted by hand, from 1: the first character of what is wrong.
@pytest.mark.parametrize(
    ("text", "character", "what"),
    [
        ("conv3x3(8", 8, "this bracket is not closed"),
        ("conv3x3(8 | gap", 8, "this bracket is not closed"),
        ("conv3x3((8)", 8, "this bracket is not closed"),
        ("conv3x3 (8)", 9, "right after a layer"),
        ("conv3x3(8) )", 12, "right after a layer"),
        ("(8)", 1, "right after a layer"),
        ("conv3x3(8)(9)", 11, "right after a layer"),
        ("conv3x3(8) rellu", 12, "did you mean relu?"),
        ("Conv3x3(8)", 1, "did you mean conv3x3?"),
        ("gap | con5x5(8)", 7, "did you mean conv5x5?"),
        ("gap dropout0.1", 5, "did you mean drop0.1?"),
        ("gap relu6", 5, "did you mean relu?"),
        ("xyzzy", 1, "known are conv, sep,"),
        ("conv3x3", 8, "conv3x3 needs its output width in brackets, e.g. conv3x3(8)"),
        ("conv3x3()", 8, "needs its output width"),
        ("conv3x3(p1)", 9, "whole number from 1 to 1000000, not 'p1'"),
        ("conv3x3(0)", 9, "from 1 to 1000000, not '0'"),
        ("conv3x3(-8)", 9, "not '-8'"),
        ("conv3x3(8.5)", 9, "not '8.5'"),
        ("conv3x3(1000001)", 9, "from 1 to 1000000"),
        ("conv(8)", 5, "conv is followed by its kernel, e.g. conv3x3"),
        ("conv0x3(8)", 5, "a kernel must be a whole number from 1"),
        ("conv3x(8)", 7, "a kernel must be a whole number from 1"),
        ("conv3x3(8,p1,p2)", 14, "p is given twice"),
        ("conv3x3(8, s0)", 13, "a stride must be a whole number from 1"),
        ("conv3x3(8,p-1)", 12, "a padding must be a whole number from 0"),
        ("conv3x3(8,g0)", 12, "the number of groups must be"),
        ("conv3x3(8,,p1)", 11, "unknown argument ''"),
        ("conv3x3(8,d2)", 11, "unknown argument 'd2', allowed here: pP, sS, gG, bias=T"),
        ("sep3x3(8,g2)", 10, "unknown argument 'g2', allowed here: pP, sS, bias=T"),
        ("conv3x3(8,bias=1)", 11, "bias=T or bias=F, not 'bias=1'"),
        ("maxpool2(8)", 10, "unknown argument '8'"),
        ("gap | maxpool3(p2)", 7, "at most half its kernel"),
        ("gap6", 4, "gap takes no number before the bracket"),
        ("gap(6,7)", 7, "unknown argument '7'"),
        ("linear10", 7, "linear takes no number before the bracket"),
        ("relu | gap", 1, "a stage begins with conv"),
        ("gap gap", 5, "separate stages with |"),
        ("gap relu()", 9, "relu takes no brackets"),
        ("gap drop", 9, "drop is followed by its rate"),
        ("gap drop(0.1)", 9, "drop is followed by its rate"),
        ("gap drop5", 9, "drop is followed by its rate"),
        ("gap drop1e-3", 9, "drop is followed by its rate"),
        ("gap drop0.0", 5, "over 0 and under 1"),
        ("gap drop1.0", 5, "over 0 and under 1"),
        ("", 1, "an empty stage"),
        ("   ", 4, "an empty stage"),
        ("gap | | gap", 7, "an empty stage"),
        ("gap |", 6, "an empty stage"),
        ("| gap", 1, "an empty stage"),
        ("gap | gap" + " relu" * 21, 7, "at most 20 operations"),
        ("gap |" * 1000 + "gap", 1, "from 1 to 1000 stages"),
        # Digits of other scripts, which str.isdigit, str.isdecimal or \d would take.
        ("conv3x3(²)", 9, "not '²'"),
        ("conv3x3(٣)", 9, "not '٣'"),
        ("conv3x3(\uff18)", 9, "not '\uff18'"),
        ("conv٣x٣(8)", 1, "unknown layer"),
        ("gap drop0.٣", 9, "drop is followed by its rate"),
    ],
)
def test_error_points_at_the_place(text, character, what):
    with pytest.raises(LayerTextError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith(f"layer text, character {character}: ")
    assert what in message
    assert caught.value.position == character - 1
    assert text[character - 1 : character + 5] in message.split(">>>")[1]


def assert_one_short_line(message):
    assert len(message) < 400
    assert message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "conv3x3(" * 1_250,
        "(" * 10_000,
        "()" * 5_000,
        "conv3x3(" + "9" * 10_000 + ")",
        "conv" + "9" * 10_000 + "x3(8)",
        "conv3x3(" + "0" * 10_000 + "8)",
        "conv3x3(8" + ",p1" * 3_000 + ")",
        "conv3x3(8" + "," * 10_000 + ")",
        "gap " + "relu " * 2_000,
        "gap|" * 2_500,
        " " * 10_000,
        "gap drop1." + "0" * 10_000,
        "gap drop0." + "0" * 10_000 + "1",
        "gap drop" + "1" * 10_000,
        "gap drop0.9" + "9" * 10_000,
        "conv3x3(8)\x1b[31m",
        "gap \ud800",
        "gap\x00",
        "ﬁlter3x3(8)",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_hostile_text_is_refused_in_one_short_line(text):
    with pytest.raises(LayerTextError) as caught:
        parse(text)
    assert_one_short_line(str(caught.value))


def test_a_long_rate_is_read_as_the_nearest_number():
    assert parse("gap drop0.1" + "0" * 10_000).stages[0].tail == (Dropout(0.1),)


def assert_read_or_refused(text):
    error = None
    try:
        architecture = parse(text)
    except LayerTextError as refusal:
        error = refusal
    if error is None:
        assert parse(str(architecture)) == architecture
    else:
        assert_one_short_line(str(error))
        assert 0 <= error.position <= len(text)


_PIECES = [
    *(
        "conv3x3(8)",
        "conv",
        "sep",
        "maxpool2",
        "gap",
        "linear(",
        "relu",
        "bn",
        "drop0.1",
        "drop",
        "bias=T",
        "|",
        "(",
        ")",
    ),
    *(",", " ", "x", "p1", "s", "g", "-1", "0", "9999999", "²", "٣", "\n", "\x1b", "\ud800", "."),
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join), st.text(string.printable)))
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_refused(text):
    assert_read_or_refused(text)


@given(architectures(4), st.data())
@settings(max_examples=200, deadline=None)
def test_a_typo_is_read_or_refused(architecture, data):
    text = str(architecture)
    place = data.draw(st.integers(0, len(text) - 1))
    typo = text[:place] + data.draw(st.sampled_from(["", *"(),|x0q ."])) + text[place + 1 :]
    assert_read_or_refused(typo)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv(0, (3, 3)),
        lambda: Conv(8, (3, 0)),
        lambda: Conv(8, (3, 3), stride=(0, 1)),
        lambda: Conv(8, (3, 3), padding=(0, -1)),
        lambda: Conv(8, (3, 3), groups=0),
        lambda: SeparableConv(0, (3, 3)),
        lambda: Pool("sum", (2, 2), (2, 2)),
        lambda: Pool("max", (3, 3), (2, 2), (2, 2)),
        lambda: GlobalAveragePool((0, 1)),
        lambda: Linear(1_000_001),
        lambda: Activation("softmax"),
        lambda: Dropout(0.0),
        lambda: Dropout(float("nan")),
        lambda: Architecture(()),
    ],
)
def test_no_architecture_exists_that_cannot_be_written(make):
    with pytest.raises(UserError):
        make()


def test_an_activation_takes_one_entry(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "relu6", "ReLU6")
    architecture = parse("conv3x3(8) relu6 bn relu | gap")
    assert architecture.stages[0].tail == (Activation("relu6"), BatchNorm(), Activation("relu"))
    assert parse(str(architecture)) == architecture
    with pytest.raises(LayerTextError, match=r"known are .*, relu, relu6, at"):
        parse("gap xyzzy")


def test_activation_names_are_words_of_the_language():
    for name in ACTIVATIONS:
        assert re.fullmatch(r"[a-z][a-z0-9]*", name)
        assert parse(f"gap {name}").stages[0].tail == (Activation(name),)
