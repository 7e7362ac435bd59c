"""Plans: hand-worked shapes, receptive fields and errors; torch is the judge of shapes in test_build."""

import itertools

import pytest
from hypothesis import given, settings
from strategies import Placed, architectures, input_shapes, placed_architectures

from underbudget.models.architecture import ACTIVATIONS, Conv, Pool
from underbudget.models.language import parse
from underbudget.models.plan import PlanError, plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES, reference


def test_receptive_field_of_the_published_table():
    # After each of the ten stages, as in the collection's own table (kernel 4 of the last average pool: 22 + 3 * 2).
    placed = plan(reference("tharun-m6").architecture, INPUT_SHAPE, CLASSES)
    fields = [placed.stage_layers(stage)[-1].receptive_field for stage in range(10)]
    assert fields == [(size, size) for size in (3, 5, 5, 6, 10, 14, 18, 22, 28, 28)]
    jumps = [placed.stage_layers(stage)[-1].jump for stage in range(10)]
    assert jumps == [(size, size) for size in (1, 1, 1, 2, 2, 2, 2, 2, 2, 2)]


def test_layers_of_a_hand_worked_network():
    # 3x12x20; kernel 3x5, stride 2x1, padding 1x0: (12+2-3)//2+1 = 6, 20-5+1 = 16; depthwise 3x3: 4x14; pool 2: 2x7.
    text = (
        "conv3x5(4,s2x1,p1x0,bias=T) bn relu | sep3x3(6) relu | maxpool2 drop0.1 | linear(5) bn relu | linear(2,bias=F)"
    )
    placed = plan(parse(text), (3, 12, 20))
    assert [(layer.name, layer.output_shape, layer.params, layer.stage) for layer in placed.layers] == [
        ("conv1", (4, 6, 16), 4 * 3 * 15 + 4, 0),
        ("bn1", (4, 6, 16), 8, 0),
        ("relu1", (4, 6, 16), 0, 0),
        ("conv2", (4, 4, 14), 4 * 9, 1),
        ("conv3", (6, 4, 14), 6 * 4, 1),
        ("relu2", (6, 4, 14), 0, 1),
        ("pool1", (6, 2, 7), 0, 2),
        ("drop1", (6, 2, 7), 0, 2),
        ("flatten1", (84,), 0, 3),
        ("linear1", (5,), 5 * 84 + 5, 3),
        ("bn2", (5,), 10, 3),
        ("relu3", (5,), 0, 3),
        ("linear2", (2,), 2 * 5, 4),
    ]
    # Height: 3, then + 2*2 = 7, then + 1*2 = 9, flattened over 2: + 1*4 = 13.
    # Width: 5, then + 2*1 = 7, then + 1*1 = 8, flattened over 7: + 6*2 = 20.
    by_name = {layer.name: layer for layer in placed.layers}
    assert [by_name[name].receptive_field for name in ("conv1", "conv3", "pool1", "flatten1", "linear2")] == [
        (3, 5),
        (7, 7),
        (9, 8),
        (13, 20),
        (13, 20),
    ]
    assert by_name["conv1"].jump == (2, 1)
    assert by_name["pool1"].jump == (4, 2)
    assert placed.classes == 2
    assert placed.layers[0].weights == (("weight", (4, 3, 3, 5)), ("bias", (4,)))


def test_separable_is_a_depthwise_and_a_pointwise_convolution():
    placed = plan(parse("sep3x5(6,s2,p1,bias=T) | gap"), (4, 9, 9))
    depthwise, pointwise = placed.layers[:2]
    assert depthwise.operation == Conv(4, (3, 5), (2, 2), (1, 1), groups=4, bias=True)
    assert pointwise.operation == Conv(6, (1, 1), bias=True)
    assert depthwise.weights == (("weight", (4, 1, 3, 5)), ("bias", (4,)))


def test_gap_leaves_one_value_and_sees_the_whole_map():
    layer = plan(parse("conv3x3(2) | gap(4x6)"), (1, 6, 8)).layers[1]
    assert (layer.output_shape, layer.receptive_field) == ((2, 1, 1), (6, 8))


@given(placed_architectures())
@settings(max_examples=150, deadline=None)
def test_layers_are_one_chain_with_unique_names(placed: Placed):
    layers = plan(placed.architecture, placed.input_shape, placed.classes).layers
    assert layers[0].input_shape == placed.input_shape
    assert all(before.output_shape == after.input_shape for before, after in itertools.pairwise(layers))
    assert layers[-1].output_shape == (placed.classes,)
    assert len({layer.name for layer in layers}) == len(layers)
    stages = [layer.stage for layer in layers]
    assert stages == sorted(stages)
    assert set(stages) == set(range(len(placed.architecture.stages)))


@given(architectures(), input_shapes())
@settings(max_examples=300, deadline=None)
def test_any_architecture_is_planned_or_refused_in_one_line(architecture, shape):
    message = ""
    try:
        placed = plan(architecture, shape)
    except PlanError as error:
        message = str(error)
    if message:
        assert message.isprintable()
        assert len(message) < 400
    else:
        # Exact wherever they are stored or shown: JSON in a browser has 53 bits.
        assert sum(layer.params for layer in placed.layers) < 2**53
        assert max(max(layer.receptive_field + layer.jump) for layer in placed.layers) < 2**53


def test_longest_network():
    text = " | ".join(["conv3x3(2,p1)" + " relu" * 20] * 999 + ["gap"])
    placed = plan(parse(text), (1, 28, 28))
    assert len(placed.layers) == 999 * 21 + 2
    assert placed.layers[-1].receptive_field == (1 + 2 * 999 + 27,) * 2


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("conv3x3(8) | maxpool2 | conv3x3(8)", (1, 6, 6), "stage 3, conv3x3(8): it would shrink the 2x2 map below 1x1"),
        ("conv1x5(8) | gap", (1, 9, 4), "stage 1, conv1x5(8): it would shrink the 9x4 map below 1x1"),
        ("maxpool3 | gap", (1, 2, 9), "stage 1, maxpool3: it would shrink the 2x9 map below 1x1"),
        ("conv3x3(8) | gap(6x6)", (1, 7, 7), "stage 2, gap: gap(6x6) is written, but the map is 5x5"),
        ("conv3x3(8)", (1, 5, 6), "stage 1, conv3x3(8): the network ends in a 3x4 map"),
        ("conv3x3(8,g2) | gap", (1, 5, 5), "groups must divide the 1 input channels and the 8 output channels, 2 does"),
        ("conv3x3(8,g2) | gap", (3, 5, 5), "groups must divide the 3 input channels"),
        ("conv3x3(9,g2) | gap", (4, 5, 5), "the 9 output channels, 2 does not"),
        ("linear(8) | conv1x1(4)", (1, 5, 5), "stage 2, conv1x1(4): it needs a map, but a linear layer stands before"),
        ("linear(8) | maxpool2", (1, 5, 5), "stage 2, maxpool2: it needs a map"),
        ("linear(8) | gap", (1, 5, 5), "stage 2, gap: it needs a map"),
        ("conv1x1(8) | gap", (1, 5, 5), "the network ends in 8 values (gap), the data set has 10 classes"),
        ("gap", (1, 0, 5), "an input shape is channels x height x width, each from 1 to 1000000, not 1x0x5"),
        ("gap", (5, 5), "not 5x5"),
        ("gap", (1, 1, 1_000_001), "each from 1 to 1000000"),
        ("gap", (1, 1_000_000, 1_000_000 + 1), "each from 1"),
        ("gap", (2, 1_000_000, 1_000_000), "an input has at most 1000000000000 values"),
        ("linear(1000000) | linear(1000000)", (2, 1000, 1000), "one of its counts is over 1"),
        ("conv1x1(1000000) | gap", (1000, 32, 32), "stage 1, conv1x1(1000000): one of its counts is over 1"),
        ("conv1x1(1,p1000000) | gap", (1, 1, 1), "one of its counts is over 1000000000000"),
        ("conv1x1(1,s1000000) | " * 3 + "gap", (1, 1, 1), "stage 3, conv1x1(1,s1000000): one of its counts is over"),
    ],
)
def test_error_names_the_stage(text, shape, message):
    with pytest.raises(PlanError) as caught:
        plan(parse(text), shape, 10)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_stay_unique_where_an_activation_ends_in_a_digit(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "relu6", "ReLU6")
    # 61 times relu and once relu6: "relu61" must not be given twice.
    text = " | ".join(["gap" + " relu" * 20] * 3 + ["gap relu relu6"])
    names = [layer.name for layer in plan(parse(text), (1, 4, 4)).layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", REFERENCES)
def test_pools_of_the_references_halve_the_map(name):
    # 2x2 with stride 2, as published: a wrong default stride would show here.
    layers = plan(REFERENCES[name].architecture, INPUT_SHAPE, CLASSES).layers
    for layer in layers:
        if isinstance(layer.operation, Pool):
            assert layer.output_shape[1:] == (layer.input_shape[1] // 2, layer.input_shape[2] // 2)
