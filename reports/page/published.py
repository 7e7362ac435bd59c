"""Published results as points to compare with. They are on MNIST, so they would mislead over any other data set."""

from dataclasses import dataclass

from underbudget.models import references

LABEL = "published: one run, best epoch, chosen on test"


@dataclass(frozen=True)
class Published:
    """A published result; `accuracy` is in percent, of the best epoch, on the test set."""

    name: str
    params: int
    accuracy: float
    epochs: int


def published_points(dataset: str, axis: str = "params") -> tuple[Published, ...]:
    """The built-in references and records, fewest parameters first; none over other data than MNIST or another cost."""
    if dataset != "mnist" or axis != "params":
        return ()
    points = [
        Published(name, reference.published_params, reference.best_test_pct, reference.epochs)
        for name, reference in references.REFERENCES.items()
        if reference.best_test_pct is not None
    ]
    known = {(point.params, point.accuracy) for point in points}
    points += [
        Published(record.source, record.params, record.best, record.epochs)
        for record in references.RECORDS
        if (record.params, record.best) not in known  # several records are references too
    ]
    return tuple(sorted(points, key=lambda point: (point.params, -point.accuracy)))
