"""Show what a network costs: `python -m underbudget.budget saish-m4`, or a layer text. Only --verify needs torch."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import NoReturn

from underbudget.budget.count import BYTES_PER_VALUE
from underbudget.budget.table import describe, render
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.output import drawing, exit_code, protect_streams
from underbudget.models.plan import parse_input_shape, plan
from underbudget.models.references import find_network


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see python -m underbudget.budget --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code, after one line on stderr for an error."""
    from rich.console import Console

    parser = _Parser(prog="python -m underbudget.budget", description="Show what a network costs.")
    parser.add_argument("what", help='a reference, e.g. saish-m4, or layers, e.g. "conv3x3(8) relu | gap | linear(10)"')
    parser.add_argument("--input", default="1x28x28", help="channels x height x width (default: 1x28x28)")
    parser.add_argument("--classes", type=int, help="check that the network ends in this many values")
    parser.add_argument("--precision", default="float32", help=f"{' or '.join(BYTES_PER_VALUE)} (default: float32)")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    parser.add_argument("--verify", action="store_true", help="only say what torch and fvcore count; 1 if it differs")
    try:
        options = parser.parse_args(arguments)
        name, architecture = find_network(options.what)
        planned = plan(architecture, parse_input_shape(options.input), options.classes)
        if options.verify:
            from underbudget.budget.crosscheck import crosscheck

            check = crosscheck(planned)
            print(check.line())
            return 0 if check.agrees else 1
        if options.json:
            print(json.dumps(describe(planned, options.precision, name), indent=2))
            return 0
        Console(file=drawing(sys.stdout), highlight=False).print(render(planned, options.precision, name))
    except UnderbudgetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    protect_streams()
    sys.exit(exit_code(main()))
