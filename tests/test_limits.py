"""The budget's text: exact bounds, round trip, one-line errors."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.budget.count import METRICS, Cost
from underbudget.budget.limits import MAX_BOUND, Budget
from underbudget.models.errors import UserError


def cost(params: int = 1, macs: int = 1, peak_bytes: int = 1, params_bytes: int = 1) -> Cost:
    return Cost(params, macs, peak_bytes, params_bytes)


@pytest.mark.parametrize(
    ("text", "largest"),
    [
        ("params<8000", 7_999),
        ("params<=8000", 8_000),
        ("params<8k", 7_999),
        ("params<=8K", 8_000),
        (" params  <  8_000 ", 7_999),
        ("params<8000.0", 7_999),
        ("params<7999.5", 7_999),
        ("params<=7999.5", 7_999),
        ("params<2", 1),
        ("params<1.5", 1),
        ("macs<=1.5M", 1_500_000),
        ("macs<0.0000015G", 1_499),
        ("macs<=1.001k", 1_001),  # in floats 1.001 * 1000 is 1000.9999999999999
        ("peak_bytes<64KB", 63_999),
        ("peak_bytes<=64kB", 64_000),
        ("peak_bytes<=64KiB", 65_536),
        ("params_bytes<=32 KiB", 32_768),
        ("params_bytes<=0.1KiB", 102),
        ("params_bytes<=1.5MB", 1_500_000),
        ("params_bytes<=1MiB", 1_048_576),
        ("params_bytes<=1GB", 1_000_000_000),
        ("params_bytes<=1GiB", 1_073_741_824),
        ("params_bytes<=100B", 100),
        ("params_bytes<=100", 100),
        ("params<=1000000000000000", 10**15),
    ],
)
def test_the_largest_allowed_value_is_exact(text: str, largest: int) -> None:
    (limit,) = Budget.parse(text).limits
    assert limit.largest == largest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a limit is missing"),
        ([], "at least one limit"),
        (["params<8000", ""], "a limit is missing"),
        ("params<8000,", "a limit is missing in 'params<8000,'"),
        ("params<", "has no number: write params<8000"),
        ("params<-1", "number of a limit is written like 8000, 8_000 or 1.5M, not '-1'"),
        ("params<1e400", "number of a limit"),
        ("params<NaN", "number of a limit"),
        ("params<inf", "number of a limit"),
        ("params<8000<9000", "number of a limit"),
        ("params<\uff18\uff10\uff10\uff10", "number of a limit"),  # full-width digits
        ("params<\u0668", "number of a limit"),  # an Arabic digit
        ("params<8__0", "number of a limit"),
        ("params<.5k", "number of a limit"),
        ("params<" + "0" * 5000 + "8", "number of a limit"),
        ("params<\n8\n0", "number of a limit"),
        ("parms<8000", "did you mean params?"),
        ("Params<8000", "did you mean params?"),
        ("mac<=1M", "did you mean macs?"),
        ("peak<64KB", "did you mean peak_bytes?"),
        ("accuracy<99", "known: params, macs, peak_bytes, params_bytes"),
        ("params>8000", "METRIC<NUMBER or METRIC<=NUMBER"),
        ("params=8000", "METRIC<NUMBER or METRIC<=NUMBER"),
        ("params", "METRIC<NUMBER or METRIC<=NUMBER"),
        ("8000", "METRIC<NUMBER or METRIC<=NUMBER"),
        ("params<8,000", "commas separate limits, write 8000 or 8_000"),
        ("params<8KB", "unknown unit 'KB' in the limit 'params<8KB', known for params: k, K, M, G"),
        ("peak_bytes<64k", "unknown unit 'k' in the limit 'peak_bytes<64k', known for peak_bytes: B, kB, KB"),
        ("params<8m", "unknown unit 'm'"),
        ("params<=0", "no network meets 'params<=0'"),
        ("params<1", "no network meets 'params<1'"),
        ("params<0.5", "no network meets 'params<0.5'"),
        ("params<8000, params<7000", "params has two, params<8000 and params<7000: keep one"),
        (["params<8000", "params<8000"], "params has two"),
        ("params<9999999G", "at most 1,000,000,000,000,000"),
        (8000, "a budget is"),
        ([8000], "a budget is text"),
    ],
)
def test_malformed_budgets_are_one_line_errors(text: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        Budget.parse(text)
    message = str(error.value)
    assert says in message
    assert len(message.splitlines()) == 1
    assert len(message) < 300


def test_several_limits_in_one_text_or_several_are_the_same_budget() -> None:
    one = Budget.parse("macs<=1.5M, params<8k")
    assert one == Budget.parse(["params<8000", "macs<=1500000"])
    assert hash(one) == hash(Budget.parse("params<8_000,macs<=1_500_000"))
    assert one != Budget.parse("params<8000")
    assert str(one) == "params<8000, macs<=1500000"
    assert one.plain() == ["params at most 7,999", "macs at most 1,500,000"]


def test_reason_names_every_broken_limit_and_nothing_else() -> None:
    budget = Budget.parse("params<8000, macs<=1.5M, peak_bytes<=64KiB")
    assert budget.reason(cost(params=7_999, macs=1_500_000, peak_bytes=65_536)) == ""
    assert budget.reason(cost(params=8_214)) == "8,214 parameters are 215 over the budget params<8000"
    assert budget.reason(cost(params=8_000, macs=1_600_000)) == (
        "8,000 parameters are 1 over the budget params<8000; 1,600,000 MACs are 100,000 over the budget macs<=1500000"
    )
    assert budget.reason(cost(peak_bytes=65_537)) == "65,537 peak bytes are 1 over the budget peak_bytes<=65536"
    small = Budget.parse("params_bytes<32KB")
    assert small.reason(cost(params_bytes=40_000)) == (
        "40,000 bytes of parameters are 8,001 over the budget params_bytes<32000"
    )


def test_constraint_values_are_relative_and_zero_at_the_limit() -> None:
    budget = Budget.parse("params<8000, macs<=1.5M")
    assert budget.violations(cost(params=7_999, macs=3_000_000)) == {"params": 0.0, "macs": 1.0}
    over = budget.violations(cost(params=8_000, macs=750_000))
    assert over == {"params": pytest.approx(8000 / 7999 - 1, rel=1e-9), "macs": -0.5}


METRIC = st.sampled_from(METRICS)
BOUND = st.integers(2, MAX_BOUND)


@given(st.dictionaries(METRIC, st.tuples(st.sampled_from(["<", "<="]), BOUND), min_size=1))
def test_the_canonical_text_parses_back(limits: dict[str, tuple[str, int]]) -> None:
    budget = Budget.parse([f"{metric}{sign}{bound}" for metric, (sign, bound) in limits.items()])
    assert Budget.parse(str(budget)) == budget
    assert {limit.metric: (limit.strict, limit.bound) for limit in budget.limits} == {
        metric: (sign == "<", bound) for metric, (sign, bound) in limits.items()
    }


@given(BOUND, st.sampled_from(["<", "<="]), st.integers(-2, 2))
def test_fits_constraint_and_reason_agree_next_to_the_limit(bound: int, sign: str, offset: int) -> None:
    budget = Budget.parse(f"macs{sign}{bound}")
    value = bound + offset
    meets = value < bound if sign == "<" else value <= bound
    assert budget.fits(cost(macs=value)) == meets
    assert (budget.violations(cost(macs=value))["macs"] <= 0) == meets
    assert (budget.reason(cost(macs=value)) == "") == meets


@given(st.decimals(min_value=2, max_value=10**6, places=4), st.sampled_from(["", "k", "M"]))
def test_fractions_are_cut_to_the_largest_whole_cost(number: Decimal, unit: str) -> None:
    (limit,) = Budget.parse(f"macs<{number}{unit}").limits
    exact = number * {"": 1, "k": 1_000, "M": 1_000_000}[unit]
    assert limit.largest < exact <= limit.largest + 1


@given(
    st.text()
    | st.text(alphabet="params_bytes<=>0123456789.,-+eEkKMGBi \n\u0663\uff18", max_size=30)
    | st.tuples(METRIC, st.sampled_from(["<", "<=", " < ", ">"]), st.text(max_size=12)).map("".join)
)
def test_any_text_parses_or_is_a_user_error(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except UserError as error:
        lines = str(error).splitlines()
    else:
        lines = [str(budget)]
        assert Budget.parse(str(budget)) == budget
        assert all(limit.largest >= 1 for limit in budget.limits)
    assert len(lines) == 1
