"""The parameterised generator: exact points, any input, static ranges, narrowing."""

import itertools
import json
import math
import random
import subprocess
import sys
import warnings
from collections import Counter

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers import RandomSampler, TPESampler

from underbudget.budget.count import METRICS, count
from underbudget.budget.limits import Budget
from underbudget.models.architecture import Conv, GlobalAveragePool, SeparableConv
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.space import Space, feasible_share

BUDGET = Budget.parse("params<8000")
MNIST = Space.default((1, 28, 28), 10, BUDGET)

# Published networks and their published parameter counts.
REFERENCES = {
    "saish-m4": (
        7600,
        "conv3x3(8) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv1x1(10) | maxpool2 | "
        "conv3x3(10) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv3x3(10) | "
        "gap(4x4)",
    ),
    "pankaja-m7": (
        6720,
        "conv3x3(8) relu bn drop0.03 | conv3x3(16) relu bn drop0.03 | maxpool2 | conv1x1(8) | "
        "conv3x3(10) relu bn drop0.03 | conv3x3(16) relu bn drop0.03 | conv3x3(18) relu bn drop0.03 | gap(6x6) | "
        "conv1x1(16) relu bn drop0.03 | conv1x1(10)",
    ),
    "tharun-m6": (
        7416,
        "conv3x3(8) relu | conv3x3(16) relu bn drop0.1 | conv1x1(8) | maxpool2 | conv3x3(16) relu bn drop0.1 | "
        "conv3x3(8) relu bn drop0.1 | conv3x3(16) relu bn drop0.1 | conv3x3(16) relu bn drop0.1 | gap(4x4) | "
        "conv1x1(10)",
    ),
    "mkthoma-m8": (
        7550,
        "conv3x3(10) relu bn drop0.1 | conv3x3(16) relu bn drop0.1 | conv1x1(10) | maxpool2 | "
        "conv3x3(10) relu bn drop0.1 | conv3x3(10) relu bn drop0.1 | conv3x3(16) relu bn drop0.1 | "
        "conv3x3(16,p1) relu bn drop0.1 | gap(6x6) | conv1x1(10)",
    ),
    "gkdivya-bn": (
        7704,
        "conv3x3(8) relu bn drop0.03 | conv3x3(16) relu bn drop0.03 | maxpool2 | conv1x1(8) | "
        "conv3x3(16) relu bn drop0.03 | conv3x3(16) relu bn drop0.03 | conv3x3(16) relu bn drop0.03 | gap(6x6) | "
        "conv1x1(16) relu bn drop0.03 | conv1x1(10)",
    ),
    "hassiahk-ex5": (
        7753,
        "conv3x3(9) relu bn | conv3x3(9) relu bn | conv3x3(9) relu bn | maxpool2 | conv3x3(16) relu bn | "
        "conv3x3(16) relu bn | conv3x3(16) relu bn | conv1x1(10) | gap(5x5)",
    ),
}

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8), (1, 5, 5), (3, 64, 64), (3, 224, 224), (1, 28, 60), (1, 1, 1)]

# A plain point of the space, for geometry worked out by hand: parameters that a case doesn't name.
PLAIN = {"n_before": 2, "n_after": 3, "transition": "none", "pools": 1, "padding": "none", "head": "gap_conv"}
PLAIN |= {"dropout": 0.0, "order": "bn_relu", "first_tail": "activation", "block": "conv"}
PLAIN |= {f"width_{part}_{index}": 4 for part in ("before", "after") for index in range(1, 6)}


def multivariate_tpe(seed: int) -> TPESampler:
    with warnings.catch_warnings():
        # Only the constructor's note that `multivariate` and `group` are experimental; no later warning is let through.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, seed=seed)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_exact_points(name: str) -> None:
    params, text = REFERENCES[name]
    network = parse(text)
    assert count(plan(network, (1, 28, 28), 10)).params == params
    found = MNIST.locate(network)
    assert found is not None
    assert MNIST.decode(found) == network

    study = optuna.create_study(sampler=multivariate_tpe(0))  # a warning of Optuna would be an error here
    study.enqueue_trial(found)
    trial = study.ask()
    assert MNIST.sample(trial) == network
    assert trial.params == found


def test_locate_refuses_what_is_no_point() -> None:
    text = REFERENCES["saish-m4"][1]
    assert MNIST.locate(parse(text)) is not None
    assert MNIST.locate(parse(text.replace("conv3x3(8)", "conv3x3(33)"))) is None  # width out of range
    assert MNIST.locate(parse(text.replace("bn drop0.05 | conv1x1", "bn drop0.06 | conv1x1"))) is None  # two rates
    assert MNIST.locate(parse(text.replace("drop0.05", "drop0.055"))) is None  # off the grid
    assert MNIST.locate(parse(text.replace("conv3x3(10) | gap", "conv3x3(11) | gap"))) is None  # 11 classes
    assert MNIST.locate(parse("conv3x3(8) relu | conv3x3(16) relu | gap | linear(10,bias=F)")) is None
    assert MNIST.locate(parse("linear(10)")) is None
    assert MNIST.narrowed({"head": "gap_conv"}).locate(parse(text)) is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [2, 10, 37])
def test_every_vector_is_a_network(shape: tuple[int, int, int], classes: int) -> None:
    space = Space.default(shape, classes, BUDGET)
    source = random.Random(f"{shape} {classes}")
    for index in range(100):  # 2,400 vectors in all
        params = space.draw(source)
        network = space.decode(params)
        placed = plan(network, shape, classes)
        least = min(2, *shape[1:])
        whole = next(i for i, layer in enumerate(placed.layers) if isinstance(layer.operation, GlobalAveragePool))
        body = [layer.output_shape[1:] for layer in placed.layers[:whole]]
        assert all(min(size) >= least for size in body), network
        assert max(body[-1]) <= 40
        if index < 10:
            found = space.locate(network)
            assert found is not None
            assert space.decode(found) == network


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 400), st.integers(1, 400)),
    classes=st.integers(2, 1000),
    seed=st.integers(0, 2**32),
)
def test_any_input_size(shape: tuple[int, int, int], classes: int, seed: int) -> None:
    space = Space.default(shape, classes, None)
    params = space.draw(random.Random(seed))
    network = space.decode(params)
    assert plan(network, shape, classes).classes == classes
    assert space.decode(dict(reversed(params.items()))) == network
    convolutions = [stage.primary for stage in network.stages if isinstance(stage.primary, Conv | SeparableConv)]
    is_flat = (shape[1] == 1) != (shape[2] == 1)
    assert ("kernel" in params) == is_flat
    kernel = tuple(1 if is_flat and side == 1 else int(params.get("kernel", 3)) for side in shape[1:])
    assert sum(layer.kernel == kernel for layer in convolutions) == (
        params["n_before"] + params["n_after"] + (params["head"] == "conv3x3_gap")
    )


@pytest.mark.parametrize(
    ("shape", "changes", "text"),
    [
        # 28-26-24, 12, 10-8, 4, 2
        ((1, 28, 28), {"pools": 2}, "C relu | C bn relu | maxpool2 | C bn relu | C bn relu | maxpool2 | C bn relu | H"),
        # 28-26, 13, and one convolution with the second pool after it: 11, 5
        ((1, 28, 28), {"n_before": 1, "n_after": 1, "pools": 2}, "C relu | maxpool2 | C bn relu | maxpool2 | H"),
        # 28-26-24, 12, 10, 5 after the first of two, 3
        (
            (1, 28, 28),
            {"n_after": 2, "pools": 2},
            "C relu | C bn relu | maxpool2 | C bn relu | maxpool2 | C bn relu | H",
        ),
        # 8-6-4, 2, and from there padded
        ((1, 8, 8), {}, "C relu | C bn relu | maxpool2 | P bn relu | P bn relu | P bn relu | H"),
        # 8-6-4-2: no pool
        ((1, 8, 8), {"n_before": 3, "n_after": 1}, "C relu | C bn relu | C bn relu | P bn relu | H"),
        # 5-3, then padded, 3 is too small for a pool
        ((1, 5, 5), {"n_after": 1, "pools": 2}, "C relu | P bn relu | P bn relu | H"),
        ((1, 1, 1), {"n_after": 1, "pools": 2}, "P relu | P bn relu | P bn relu | H"),
        # 64-31-29, 14-12-10-8
        ((3, 64, 64), {}, "S relu | C bn relu | maxpool2 | C bn relu | C bn relu | C bn relu | H"),
        # 224-111, 55, 27, then the pool proper: 13-11
        ((3, 224, 224), {"n_before": 1, "n_after": 1}, "S relu | maxpool2 | maxpool2 | maxpool2 | C bn relu | H"),
        # each axis by itself: 28-26-24 and 60-29-27
        ((1, 28, 60), {"n_after": 1}, "conv3x3(4,s1x2) relu | C bn relu | maxpool2 | C bn relu | H"),
        # 3 rows are kept, 20-18, 9-7 columns; the pool halves columns only
        (
            (1, 3, 20),
            {"n_before": 1, "n_after": 1},
            "conv3x3(4,p1x0) relu | maxpool1x2 | conv3x3(4,p1x0) bn relu | H",
        ),
        # padding of the block before the pool, 64-32-32, 16, and of the last convolution
        (
            (1, 64, 64),
            {"padding": "first", "n_after": 1},
            "conv3x3(4,p1,s2) relu | P bn relu | maxpool2 | C bn relu | H",
        ),
        ((1, 28, 28), {"padding": "last", "n_after": 2}, "C relu | C bn relu | maxpool2 | C bn relu | P bn relu | H"),
        # separable but for the first, the convolution to the class count too
        (
            (1, 28, 28),
            {"block": "separable", "n_after": 1, "head": "conv3x3_gap", "dropout": 0.15000000000000002},
            "C relu | sep3x3(4) bn relu drop0.15 | maxpool2 | sep3x3(4) bn relu drop0.15 | sep3x3(10) | gap",
        ),
        (
            (1, 28, 28),
            {
                "n_after": 1,
                "transition": "after",
                "transition_width": 5,
                "transition_tail": "full",
                "first_tail": "full",
            },
            "C bn relu | C bn relu | maxpool2 | conv1x1(5) bn relu | C bn relu | H",
        ),
    ],
)
def test_geometry_worked_by_hand(shape: tuple[int, int, int], changes: dict[str, object], text: str) -> None:
    for short, long in {
        "S": "conv3x3(4,s2)",
        "P": "conv3x3(4,p1)",
        "C": "conv3x3(4)",
        "H": "gap | conv1x1(10)",
    }.items():
        text = " ".join(long if word == short else word for word in text.split(" "))
    assert str(Space.default(shape, 10, None).decode(PLAIN | changes)) == text


def test_ranges_are_static_for_tpe() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=multivariate_tpe(3))
    source = random.Random(3)
    seen: dict[str, optuna.distributions.BaseDistribution] = {}
    for _ in range(200):
        trial = study.ask()
        network = MNIST.sample(trial)
        assert MNIST.decode(trial.params) == network
        for name, distribution in trial.distributions.items():
            assert seen.setdefault(name, distribution) == distribution
        cost = count(plan(network, (1, 28, 28)))
        for key, value in BUDGET.violations(cost).items():
            trial.set_constraint(key, value)
        study.tell(trial, (cost.params, source.random()))
    assert set(seen) == {dimension.name for dimension in MNIST.dimensions}


def test_random_draws_follow_optuna() -> None:
    """Shares of one width and of the budget, Optuna's RandomSampler against ours and against the formula."""
    study = optuna.create_study(sampler=RandomSampler(seed=5))
    trials, fitting = 1000, 0
    theirs: Counter[int] = Counter()
    for _ in range(trials):
        trial = study.ask()
        fitting += BUDGET.fits(count(plan(MNIST.sample(trial), (1, 28, 28))))
        theirs[trial.params["width_before_1"]] += 1
    share = feasible_share(MNIST, BUDGET, samples=2000, seed=1)
    assert abs(fitting / trials - share) < 4 * math.sqrt(share * (1 - share) * (1 / trials + 1 / 2000))

    draws = 4000
    source = random.Random(2)
    vectors = [MNIST.draw(source) for _ in range(draws)]
    ours = Counter(params["width_before_1"] for params in vectors)
    assert set(ours) == set(range(4, 33))
    for width in (4, 5, 16, 31, 32):
        expected = math.log((width + 0.5) / (width - 0.5)) / math.log(32.5 / 3.5)
        for counts, total in ((ours, draws), (theirs, trials)):
            assert abs(counts[width] / total - expected) < 4 * math.sqrt(expected / total), width
    rates = Counter(params["dropout"] for params in vectors)
    assert sorted(rates) == [round(0.01 * index, 2) for index in range(26)]
    assert max(abs(number / draws - 1 / 26) for number in rates.values()) < 4 * math.sqrt(1 / 26 / draws)


def test_share_under_budget_is_worth_sampling() -> None:
    share = feasible_share(MNIST, BUDGET, samples=500)
    assert share == feasible_share(MNIST, BUDGET, samples=500, seed=0)
    assert 0.7 < share < 0.9  # measured on 2,000: 0.81
    assert feasible_share(MNIST, Budget.parse("params<136"), samples=100) == 0  # under the smallest network
    small = Budget.parse("peak_bytes<20KB")
    assert feasible_share(MNIST, small, 100, precision="int8") > feasible_share(MNIST, small, 100)


def test_smallest_and_largest() -> None:
    # 9*4 | (9*4 + 4*4) + 8 | 4*10
    smallest = MNIST.smallest()
    assert str(smallest) == "conv3x3(4) relu | maxpool2 | sep3x3(4) relu bn | gap | conv1x1(10)"
    assert count(plan(smallest, (1, 28, 28))).params == 136
    # 9*32 + 64, three of 9*32*32 + 64, 32*32 + 64, five of 9*32*32 + 64, 9*32*10
    assert count(plan(MNIST.largest(), (1, 28, 28))).params == 352 + 8 * 9280 + 1088 + 2880
    assert MNIST.locate(smallest) is not None
    assert MNIST.locate(MNIST.largest()) is not None


def test_smallest_and_largest_of_all() -> None:
    """Against every network of a small space."""
    shape = (2, 12, 9)
    table = {"n_before": [1, 2], "n_after": 1, "width": [4, 5], "order": "relu_bn", "transition": ["none", "before"]}
    space = Space.default(shape, 3, None).narrowed(table | {"transition_tail": "full", "first_tail": "activation"})
    names = [dimension.name for dimension in space.dimensions]
    unused = ("width_before_3", "width_before_4", *(f"width_after_{index}" for index in range(2, 6)), "dropout")
    values = [d.values()[:1] if d.name in unused else d.values() for d in space.dimensions]
    everything = {space.decode(dict(zip(names, vector, strict=True))) for vector in itertools.product(*values)}
    costs = [count(plan(network, shape, 3)) for network in everything]
    for metric in METRICS:
        each = [getattr(cost, metric) for cost in costs]
        assert getattr(count(plan(space.smallest(metric), shape)), metric) == min(each)
        assert getattr(count(plan(space.largest(metric), shape)), metric) == max(each)


def test_narrowing() -> None:
    table = {"n_before": [2, 3], "width": [4, 16], "width_before_1": 8, "head": ["gap_conv"], "dropout": 0.05}
    space = MNIST.narrowed(table | {"n_after": 3, "width_after": [6, 16], "transition": ("after", "before")})
    source = random.Random(0)
    vectors = [space.draw(source) for _ in range(300)]
    assert {params["n_before"] for params in vectors} == {2, 3}
    assert {params["n_after"] for params in vectors} == {3}
    assert {params["width_before_1"] for params in vectors} == {8}
    assert {params["width_before_2"] for params in vectors} == set(range(4, 17))
    assert {params["width_after_1"] for params in vectors} == set(range(6, 17))
    assert {params["head"] for params in vectors} == {"gap_conv"}
    assert {params["dropout"] for params in vectors} == {0.05}
    assert {params["transition"] for params in vectors} == {"before", "after"}
    study = optuna.create_study(sampler=multivariate_tpe(0))
    assert " drop0.05 " in str(space.sample(study.ask()))
    assert MNIST.narrowed({"width_before_1": 8, "width_before": [8, 12], "width": [6, 16]}) == MNIST.narrowed(
        {"width": [6, 16], "width_before": [8, 12], "width_before_1": 8}
    )  # whatever the order of the table
    assert space.fingerprint != MNIST.fingerprint
    assert MNIST.narrowed(space.table()) == space
    assert MNIST.narrowed({}) == MNIST == MNIST.narrowed(MNIST.table())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"depth": 3}, "no key 'depth', known: width, "),
        ({"n_before": [0, 3]}, "n_before: a range is a number or [low, high] within 1 to 4, not [0, 3]"),
        ({"n_before": [3, 2]}, "not [3, 2]"),
        ({"n_before": []}, "not []"),
        ({"n_before": [1, 2, 3]}, "not [1, 2, 3]"),
        ({"n_before": 2.0}, "not 2.0"),
        ({"n_before": True}, "not True"),
        ({"n_before": "2"}, "not '2'"),
        ({"width": [4, 33]}, "width: a range is a number or [low, high] within 4 to 32 (log), not [4, 33]"),
        ({"width": [4, 16], "width_before_1": 20}, "width_before_1: a range is a number or [low, high] within 4 to 16"),
        ({"dropout": 0.055}, "dropout: a range is a number or [low, high] within 0 to 0.25 in steps of 0.01"),
        ({"dropout": [0.1, 0.3]}, "not [0.1, 0.3]"),
        ({"dropout": float("nan")}, "not nan"),
        ({"head": "gap"}, "head: it is one or more of gap_conv, conv1x1_gap, conv3x3_gap, gap_hidden_conv, not 'gap'"),
        ({"head": []}, "not []"),
        ({"head": ["gap_conv", ["x"]]}, "not ['gap_conv', ['x']]"),
        ({"order": 1}, "not 1"),
    ],
)
def test_narrowing_refuses(table: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        MNIST.narrowed(table)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_round_trip() -> None:
    for space in (MNIST, MNIST.narrowed({"dropout": 0.05, "head": ["conv3x3_gap"]})):
        text = json.dumps(space.to_json())
        again = Space.from_json(json.loads(text))
        assert again == space
        assert again.fingerprint == space.fingerprint
    assert len({MNIST.fingerprint, Space.default((1, 28, 28), 11, BUDGET).fingerprint}) == 2
    with pytest.raises(UserError, match="version 99, this program knows 1"):
        Space.from_json(MNIST.to_json() | {"space_version": 99})


@pytest.mark.parametrize(
    ("limits", "shape", "classes", "width"),
    [
        # a probe of width w costs 36 w*w + 29 w parameters: 8,000 allow 14, 28 rounds up to 32
        ("params<8000", (1, 28, 28), 10, 32),
        ("params<=36869", (1, 28, 28), 10, 64),  # exactly w = 31 (36*961 + 29*31 is 35,495), 62 rounds up
        ("params_bytes<32KB", (1, 28, 28), 10, 32),  # 7,999 parameters of 4 bytes
        # its largest pair of maps is w*26*26 + w*24*24 values: 12 of them under 64 kB
        ("peak_bytes<64KB", (1, 28, 28), 10, 24),
        ("params<100", (1, 28, 28), 10, 8),
        ("params<1G", (1, 28, 28), 10, 512),
        ("params<8000", (1, 28, 28), 1000, 16),  # 36 w*w + 1019 w: 6, 12 rounds up
    ],
)
def test_upper_width_follows_the_budget(limits: str, shape: tuple[int, int, int], classes: int, width: int) -> None:
    space = Space.default(shape, classes, Budget.parse(limits))
    assert {d.values()[-1] for d in space.dimensions if "width" in d.name} == {width}
    assert {d.values()[0] for d in space.dimensions if "width" in d.name} == {4}


def test_impossible_inputs() -> None:
    with pytest.raises(UserError, match="each at least 1, not 1x0x28"):
        Space.default((1, 0, 28), 10, None)
    with pytest.raises(UserError, match="at least 2 classes, not 1"):
        Space.default((1, 28, 28), 1, None)


def test_needs_neither_torch_nor_optuna() -> None:
    code = "import sys, underbudget.search.space; print(sorted({'torch', 'optuna', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 48), (1, 8, 8)])
def test_the_cost_by_stages_is_that_of_the_plan(shape: tuple[int, int, int]) -> None:
    space, source = Space.default(shape, 10, None), random.Random(0)
    for _ in range(200):
        network = space.decode(space.draw(source))
        assert space.cost(network, "int8") == count(plan(network, shape), "int8")
