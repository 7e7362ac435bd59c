"""Costs worked out by hand, and the rule that nothing unknown is counted as zero."""

import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from underbudget.budget.count import METRICS, Cost, count, layer_macs, layer_values
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan


def planned(text: str, shape: tuple[int, int, int]) -> Plan:
    return plan(parse(text), shape)


# Input 4x9x9 = 324 values.
#   conv    output (9 + 2 - 3) // 2 + 1 = 5, so 8x5x5 = 200 values; each sums 4 / 2 = 2 channels * 9 = 18 products
#           params 8 * 18 + 8 bias = 152       MACs 200 * 18 = 3,600       values 324 + 200 = 524
#   bn      params 8 + 8 = 16
#   pool    output 5 // 2 = 2, so 8x2x2 = 32 values                        values 200 + 32 = 232
#   linear  params 32 * 10 + 10 = 330          MACs 32 * 10 = 320          values 32 + 10 = 42
GROUPED = ("conv3x3(8,p1,s2,g2,bias=T) relu bn drop0.1 | maxpool2 | linear(10)", (4, 9, 9), 498, 3_920, 524)

# Input 1x6x6 = 36 values.
#   conv       output 6x4x4 = 96       params 6 * 9 = 54     MACs 96 * 9 = 864     values 36 + 96 = 132
#   depthwise  output 6x4x4 = 96       params 6 * 9 = 54     MACs 96 * 9 = 864     values 96 + 96 = 192
#   pointwise  output 10x4x4 = 160     params 10 * 6 = 60    MACs 160 * 6 = 960    values 96 + 160 = 256
#   bn         params 10 + 10 = 20
#   gap        output 10                                                           values 160 + 10 = 170
SEPARABLE = ("conv3x3(6) | sep3x3(10,p1) bn relu | gap", (1, 6, 6), 188, 2_688, 256)

# The same with a bias in both halves: 6 + 10 more parameters, nothing else.
SEPARABLE_BIAS = ("conv3x3(6) | sep3x3(10,p1,bias=T) bn relu | gap", (1, 6, 6), 204, 2_688, 256)

# Nothing square. Input 2x5x7 = 70 values.
#   conv  height 5 - 3 + 1 = 3, width (7 + 2 - 1) // 2 + 1 = 5, so 3x3x5 = 45 values; 2 * 3 = 6 products
#         params 3 * 6 = 18            MACs 45 * 6 = 270     values 70 + 45 = 115
#   pool  height 3 // 3 = 1, width (5 - 1) // 2 + 1 = 3, so 3x1x3 = 9         values 45 + 9 = 54
#   conv  output 4x1x1; 3 * 3 = 9 products      params 36    MACs 36          values 9 + 4 = 13
UNEVEN = ("conv3x1(3,p0x1,s1x2) | avgpool3x1(s3x2) | conv1x3(4)", (2, 5, 7), 54, 306, 115)

# One linear layer on the image, flattened in place: 784 * 10 + 10 parameters, 784 + 10 values.
FLAT = ("linear(10)", (1, 28, 28), 7_850, 7_840, 794)

# The 7,600-parameter network of shettysaish20/MNIST-CNN-Lite-Model. MACs, output values times products each:
#   5,408*9 + 9,216*72 + 5,760*16 + 1,000*90 + 1,024*90 + 576*144 + 160*144
#   = 48,672 + 663,552 + 92,160 + 90,000 + 92,160 + 82,944 + 23,040 = 1,092,528
# The largest layer is the 1x1 transition: 16*24*24 + 10*24*24 = 14,976 values (the convolution before it: 14,624).
SAISH_M4 = (
    "conv3x3(8) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv1x1(10) | maxpool2 | conv3x3(10) relu bn drop0.05"
    " | conv3x3(16) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv3x3(10) | gap",
    (1, 28, 28),
    7_600,
    1_092_528,
    14_976,
)


@pytest.mark.parametrize(
    ("text", "shape", "params", "macs", "values"), [GROUPED, SEPARABLE, SEPARABLE_BIAS, UNEVEN, FLAT, SAISH_M4]
)
def test_hand_worked_costs(text: str, shape: tuple[int, int, int], params: int, macs: int, values: int) -> None:
    network = planned(text, shape)
    assert count(network) == Cost(params, macs, peak_bytes=values * 4, params_bytes=params * 4)
    assert count(network, "int8") == Cost(params, macs, peak_bytes=values, params_bytes=params)


def test_the_tail_costs_only_the_parameters_of_batch_norm() -> None:
    bare = count(planned("conv3x3(8) | gap", (1, 28, 28)))
    tailed = count(planned("conv3x3(8) relu bn drop0.5 relu | gap", (1, 28, 28)))
    assert tailed == replace(bare, params=bare.params + 16, params_bytes=bare.params_bytes + 64)


@dataclass(frozen=True)
class Attention:
    """An operation that the counter has never heard of."""


def test_an_unknown_operation_is_an_error_never_zero() -> None:
    network = planned("conv3x3(8) | gap", (1, 28, 28))
    layer = network.layers[0]._replace(operation=Attention())  # type: ignore[arg-type]
    for counted in (layer_macs, layer_values):
        with pytest.raises(UnderbudgetError, match="no cost is defined for Attention"):
            counted(layer)
    with pytest.raises(UnderbudgetError, match="no cost is defined for Attention"):
        count(replace(network, layers=(layer, *network.layers[1:])))


def test_an_unknown_precision_is_a_user_error() -> None:
    with pytest.raises(UserError, match="float32 or int8, not 'float16'"):
        count(planned("linear(10)", (1, 2, 2)), "float16")


def test_metrics_are_the_fields_of_a_cost() -> None:
    assert tuple(field.name for field in fields(Cost)) == METRICS


def test_counting_needs_neither_torch_nor_optuna() -> None:
    code = (
        "import underbudget.budget.count, underbudget.budget.limits, underbudget.budget.table, sys; "
        "print(*{'torch', 'optuna', 'rich'} & {*sys.modules})"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == ""
