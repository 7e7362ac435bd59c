"""The built module against the plan: torch is the judge of shapes, of weights and, by impulses, of receptive fields."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from strategies import Placed, placed_architectures
from torch import nn

from underbudget.models.architecture import ACTIVATIONS
from underbudget.models.build import build
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES


def assert_torch_agrees(placed: Plan) -> None:
    """Every layer's output shape on a batch of two, and every trainable tensor's name and shape."""
    network = build(placed)
    assert list(network._modules) == [layer.name for layer in placed.layers]
    values = torch.rand(2, *placed.input_shape)
    with torch.no_grad():
        for layer, module in zip(placed.layers, network, strict=True):
            values = module(values)
            assert tuple(values.shape) == (2, *layer.output_shape), layer.name
    planned = {f"{layer.name}.{name}": shape for layer in placed.layers for name, shape in layer.weights}
    assert {name: tuple(parameter.shape) for name, parameter in network.named_parameters()} == planned
    assert sum(parameter.numel() for parameter in network.parameters()) == sum(layer.params for layer in placed.layers)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_agree_with_torch(name):
    assert_torch_agrees(plan(REFERENCES[name].architecture, INPUT_SHAPE, CLASSES))


@given(placed_architectures())
@settings(max_examples=150, deadline=None)
def test_random_architectures_agree_with_torch(placed: Placed):
    assert_torch_agrees(plan(placed.architecture, placed.input_shape, placed.classes))


def test_modules_are_those_of_a_network_written_by_hand():
    text = (
        "conv3x5(4,p1x2,s2x1,g2,bias=T) bn relu drop0.25 | sep3x3(6) | maxpool3(s2,p1) | avgpool2 | gap | "
        "linear(5) bn relu | linear(3,bias=F)"
    )
    by_hand = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(2, 4, (3, 5), stride=(2, 1), padding=(1, 2), groups=2, bias=True),
            bn1=nn.BatchNorm2d(4),
            relu1=nn.ReLU(),
            drop1=nn.Dropout(0.25),
            conv2=nn.Conv2d(4, 4, 3, groups=4, bias=False),
            conv3=nn.Conv2d(4, 6, 1, bias=False),
            pool1=nn.MaxPool2d(3, stride=2, padding=1),
            pool2=nn.AvgPool2d(2),
            gap1=nn.AvgPool2d((1, 3)),
            flatten1=nn.Flatten(),
            linear1=nn.Linear(6, 5),
            bn2=nn.BatchNorm1d(5),
            relu2=nn.ReLU(),
            linear2=nn.Linear(5, 3, bias=False),
        )
    )
    network = build(plan(parse(text), (2, 12, 14), 3))
    assert network.training
    by_hand.load_state_dict(network.state_dict(), strict=True)
    images = torch.randn(4, 2, 12, 14)
    for mode in (True, False):
        network.train(mode)
        by_hand.train(mode)
        torch.manual_seed(0)
        expected = by_hand(images)
        torch.manual_seed(0)
        torch.testing.assert_close(network(images), expected)


def test_same_seed_same_weights():
    placed = plan(REFERENCES["saish-m4"].architecture, INPUT_SHAPE, CLASSES)
    torch.manual_seed(3)
    first = build(placed).state_dict()
    torch.manual_seed(3)
    second = build(placed).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], build(placed).state_dict()["conv1.weight"])


@pytest.mark.parametrize("pool", ["maxpool", "avgpool"])
def test_pool_padding_is_refused_exactly_where_torch_refuses_it(pool):
    module = {"maxpool": nn.MaxPool2d, "avgpool": nn.AvgPool2d}[pool]
    for kernel in range(1, 8):
        for padding in range(6):
            try:
                module(kernel, padding=padding)(torch.zeros(1, 1, 9, 9))
                torch_takes_it = True
            except RuntimeError:
                torch_takes_it = False
            try:
                parse(f"{pool}{kernel}(p{padding})")
                we_take_it = True
            except UserError:
                we_take_it = False
            assert we_take_it == torch_takes_it, (kernel, padding)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_are_element_wise_and_have_no_weights(name):
    module = getattr(nn, ACTIVATIONS[name])()
    values = torch.linspace(-3, 3, 24).reshape(2, 3, 4)
    assert module(values).shape == values.shape
    torch.testing.assert_close(module(values)[1, 2, 3], module(values[1, 2, 3]))
    assert not module.state_dict()


def test_an_activation_takes_one_entry(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "hardswish", "Hardswish")
    placed = plan(parse("conv3x3(4) hardswish bn | gap"), (1, 6, 6))
    assert_torch_agrees(placed)
    assert type(build(placed).hardswish1) is nn.Hardswish


def seen_pixels(placed: Plan, layer: str, output: tuple[int, int]) -> list[tuple[int, int]]:
    """Pixels that one value of a layer's output depends on: the network with all weights one, on each single pixel."""
    network = build(placed).eval()
    network = network[: list(network._modules).index(layer) + 1]
    _, height, width = placed.input_shape
    pixels = torch.eye(height * width).reshape(-1, 1, height, width).expand(-1, placed.input_shape[0], -1, -1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
        answers = network(pixels.contiguous())[:, 0, output[0], output[1]]
    return [divmod(index, width) for index in torch.nonzero(answers).flatten().tolist()]


# Inputs so large that the fields of two neighbouring values in the middle are not cut off at the border.
@pytest.mark.parametrize(
    ("text", "shape", "layer"),
    [
        ("conv3x3(2) relu | conv3x3(2) | gap", (1, 12, 12), "conv2"),
        ("conv3x5(2,s2x1) | conv3x1(2,p1x0) relu | gap", (2, 26, 20), "conv2"),
        ("conv3x3(2,p1) | maxpool2 | conv3x3(2,p1) | conv2x3(1) | gap", (1, 28, 28), "conv3"),
        ("conv5x2(2,p2x1,s3x2) | avgpool3(s2,p1) | conv1x3(2,s1x2) | gap", (1, 50, 48), "conv2"),
        ("sep3x3(3,p1) | maxpool3x2(s2x3,p1) | sep2x3(2) relu | gap", (2, 30, 40), "conv4"),
        ("conv3x3(4) | conv3x3(4,g2) | avgpool2 | conv1x1(2) | maxpool2(s1) | gap", (1, 24, 24), "pool2"),
    ],
)
def test_receptive_field_and_jump_by_impulses(text, shape, layer):
    placed = plan(parse(text), shape)
    planned = next(planned for planned in placed.layers if planned.name == layer)
    middle = planned.output_shape[1] // 2, planned.output_shape[2] // 2
    pixels = seen_pixels(placed, layer, middle)
    for axis in (0, 1):
        places = [pixel[axis] for pixel in pixels]
        assert max(places) - min(places) + 1 == planned.receptive_field[axis]
        neighbour = (middle[0] - 1, middle[1]) if axis == 0 else (middle[0], middle[1] - 1)
        before = min(pixel[axis] for pixel in seen_pixels(placed, layer, neighbour))
        assert min(places) - before == planned.jump[axis]


def test_receptive_fields_of_a_reference_by_gradient():
    # The published field after each convolution and pool of tharun-m6. Average pools instead of maximum ones, which
    # have the same geometry but pass the gradient to one of their pixels only; the head is left off.
    body, _, head = str(REFERENCES["tharun-m6"].architecture).replace("maxpool", "avgpool").rpartition(" | gap")
    assert head == " | conv1x1(10)"
    placed = plan(parse(body + " | gap"), (1, 60, 60))
    network = build(placed).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False).fill_(1.0)
    images = torch.ones(1, 1, 60, 60, requires_grad=True)
    values, fields = images, []
    for layer, module in zip(placed.layers, network, strict=True):
        values = module(values)
        if layer.name.startswith(("conv", "pool")):
            middle = values[0, 0, values.shape[2] // 2, values.shape[3] // 2]
            (gradient,) = torch.autograd.grad(middle, images, retain_graph=True)
            rows, columns = torch.nonzero(gradient[0, 0], as_tuple=True)
            fields.append((int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1))
    assert fields == [(size, size) for size in (3, 5, 5, 6, 10, 14, 18, 22)]
