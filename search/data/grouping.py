"""Groups of examples that belong together: of one person, device or session. They must not be torn apart by a split."""

import re
from collections import Counter
from collections.abc import Sequence

from underbudget.models.errors import UserError

LEAST_REPEATS = 3.0  # examples per group on average, from which names look like groups


def groups_of(names: Sequence[str], pattern: str | None) -> list[str] | None:
    """The group of each name: what the first bracket of the regular expression matches, or all of it. None without one.

    Raises UserError for a pattern that is no regular expression, or that a name does not match.
    """
    if pattern is None:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--group is a column or a regular expression, not {pattern!r} ({error})") from error
    found = []
    for name in names:
        match = expression.search(name)
        if match is None or not (text := match[1] if expression.groups else match[0]):
            raise UserError(f"--group {pattern!r} does not match the name {name!r}: it must match every name")
        found.append(text)
    return check_groups(found, f"--group {pattern!r}")


def check_groups(groups: list[str], what: str, is_split: bool = True) -> list[str]:
    """The groups. Raises UserError where they are to be split into three parts and are fewer."""
    if is_split and (count := len(set(groups))) < 3:
        raise UserError(
            f"{what}: there are {count} groups, three parts need at least 3; without groups a split is random"
        )
    return groups


def likely_pattern(names: Sequence[str], labels: Sequence[int]) -> str | None:
    """A pattern for --group where the names look as if they held one, such as speaker_07_take_3.wav, else None.

    A field of the file names, cut at `_`, `-` and blanks, looks like a group where it takes several values, each many
    times and with several classes.
    """
    fields = [re.split(r"[_\- ]+", name.rpartition("/")[2].rsplit(".", 1)[0]) for name in names]
    width = len(fields[0]) if fields else 0
    if width < 2 or any(len(one) != width for one in fields):
        return None
    for index in range(width):
        values = [one[index] for one in fields]
        count = len(set(values))
        classes = {value: set() for value in values}  # type: dict[str, set[int]]
        for value, label in zip(values, labels, strict=True):
            classes[value].add(label)
        is_mixed = sum(len(one) > 1 for one in classes.values()) > count / 2
        least = Counter(values).most_common()[-1][1]
        is_word = any(not value.isdecimal() for value in values)
        if is_word and 3 <= count <= len(names) / LEAST_REPEATS and least >= 2 and is_mixed:
            before = r"[^_\- /]+[_\- ]+" * index
            return rf"(?:^|/){before}([^_\- /.]+)[^/]*$"
    return None
