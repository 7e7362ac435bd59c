"""How numbers are written on the page."""

import math

DASH = "\N{EN DASH}"  # for what is not known, and between the ends of an interval


def whole(value: float | None) -> str:
    """12,345, or a dash for what is not known."""
    return DASH if value is None or not math.isfinite(value) else f"{value:,.0f}"


def decimals(value: float | None, digits: int = 2) -> str:
    """99.42, or a dash."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 2) -> str:
    """99.42 %, or a dash."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f} %"


def span(interval: tuple[float | None, float | None] | None, unit: str = " %") -> str:
    """An interval of accuracies in percent, both ends with two decimals, or a dash."""
    low, high = interval or (None, None)
    return DASH if low is None or high is None else f"{low:.2f}{DASH}{min(high, 100):.2f}{unit}"


def duration(seconds: float | None) -> str:
    """8.2 s, 12 min 05 s, 3 h 07 min, or a dash."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
