"""Our counts against torch and fvcore: every reference, random architectures, and networks that must not agree."""

import copy
import logging
from collections import OrderedDict

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from strategies import Placed, placed_architectures
from torch import nn

from underbudget.budget.count import count, layer_macs
from underbudget.budget.crosscheck import CrossCheck, LayerCheck, crosscheck
from underbudget.models.architecture import Conv, Linear
from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES


def small() -> Plan:
    return plan(parse("conv3x3(4,bias=T) bn relu drop0.1 | conv3x3(6) bn | maxpool2 | linear(10)"), (1, 12, 12), 10)


def assert_equal_everywhere(planned: Plan, check: CrossCheck) -> None:
    """The counter's figures equal what the strangers counted: totals, and every convolution and linear layer."""
    cost = count(planned)
    assert cost.params == check.params_torch == check.params_fvcore
    assert cost.macs == check.macs_fvcore
    operators = [layer for layer in planned.layers if isinstance(layer.operation, Conv | Linear)]
    assert {row.name: row.macs_fvcore for row in check.layers} == {layer.name: layer_macs(layer) for layer in operators}
    assert check.agrees


def test_there_are_39_references() -> None:
    assert len(REFERENCES) == 39


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference(name: str) -> None:
    planned = plan(REFERENCES[name].architecture, INPUT_SHAPE, CLASSES)
    check = crosscheck(planned)
    assert_equal_everywhere(planned, check)
    assert check.params_fvcore == REFERENCES[name].published_params


def test_300_random_architectures() -> None:
    checked: set[Placed] = set()

    # 400 examples of a fixed sample; about one in eight repeats an earlier one.
    @settings(max_examples=400, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(placed_architectures())
    def check(placed: Placed) -> None:
        if placed not in checked:
            checked.add(placed)
            planned = plan(placed.architecture, placed.input_shape, placed.classes)
            assert_equal_everywhere(planned, crosscheck(planned))

    check()
    assert len(checked) >= 300


def test_hand_worked_macs_layer_by_layer() -> None:
    # 4x10x10 * 9 = 3,600; 6x8x8 * 4*9 = 13,824; 6*4*4 = 96 values into 10 = 960.
    # Parameters: 36 + 4, batch norm 8; 216, batch norm 12; 960 + 10.
    check = crosscheck(small())
    assert check.layers == (
        LayerCheck("conv1", 3_600, 3_600),
        LayerCheck("conv2", 13_824, 13_824),
        LayerCheck("linear1", 960, 960),
    )
    assert check.line() == "1,246 parameters, confirmed by torch and fvcore; 18,384 MACs, confirmed by fvcore"


def replaced(name: str, module: nn.Module) -> nn.Sequential:
    """The network of `small`, one of its modules replaced."""
    network = build(small())
    setattr(network, name, module)
    return network


def test_another_number_of_parameters_is_reported() -> None:
    check = crosscheck(small(), replaced("conv1", nn.Conv2d(1, 4, 3, bias=False)))
    assert not check.agrees
    assert check.line() == (
        "1,246 parameters, NOT confirmed: torch counts 1,242, fvcore 1,242; 18,384 MACs, confirmed by fvcore"
    )


def test_frozen_parameters_are_not_trainable_ones() -> None:
    network = build(small())
    network.get_submodule("bn1").requires_grad_(False)
    check = crosscheck(small(), network)
    assert (check.params_torch, check.params_fvcore, check.agrees) == (1_238, 1_246, False)


def test_macs_of_another_layer_are_reported() -> None:
    # As many parameters (216), but at every second place only: 6 * 4 * 4 * 36 = 3,456; a pool of 1 keeps 4x4.
    network = replaced("conv2", nn.Conv2d(4, 6, 3, stride=2, bias=False))
    network.pool1 = nn.MaxPool2d(1)
    check = crosscheck(small(), network)
    assert not check.agrees
    assert check.line() == (
        "1,246 parameters, confirmed by torch and fvcore; 18,384 MACs, NOT confirmed: fvcore counts 8,016, "
        "conv2 13,824 against 3,456"
    )


def test_errors_that_cancel_in_the_total_are_reported() -> None:
    planned = small()
    swapped = {"conv1": "conv2", "conv2": "conv1"}
    network = nn.Sequential(OrderedDict((swapped.get(n, n), m) for n, m in build(planned).named_children()))
    check = crosscheck(planned, network)
    assert check.macs_plan == check.macs_fvcore
    assert not check.agrees
    assert "conv1 3,600 against 13,824, conv2 13,824 against 3,600" in check.line()


def test_a_layer_that_is_not_in_the_plan_is_reported() -> None:
    network = build(small())
    network.add_module("extra", nn.Linear(10, 10, bias=False))
    check = crosscheck(small(), network)
    assert check.layers[-1] == LayerCheck("extra", 0, 100)
    assert not check.agrees


def test_nothing_is_changed_and_nothing_is_printed(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    network = build(small()).train()
    before = copy.deepcopy(network.state_dict())
    random_state = torch.get_rng_state()
    with caplog.at_level(logging.DEBUG):
        crosscheck(small(), network)
        crosscheck(small())
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")
