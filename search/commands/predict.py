"""`underbudget predict`: what pictures show or recordings hold, by an exported network of any format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.terminal import say

if TYPE_CHECKING:
    from underbudget.models.export.formats import Model


def predict(
    file: Annotated[
        Path, typer.Argument(help="A file or folder that underbudget export wrote. A py, pt2 or c file can run code.")
    ],
    pictures: Annotated[
        list[Path],
        typer.Argument(
            help="Picture files of any size; recordings (WAV) or windows of a sensor (CSV) for such networks."
        ),
    ],
) -> int:
    """Say what pictures show, or recordings hold. The format is told from FILE.

    Give only a py, pt2 or c file that you trust.
    """
    model = load(file)
    failed = False
    for picture in pictures:
        try:
            pixels, steps = model.take(picture)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            typer.echo(f"{shown(str(picture))}: {reason}", err=True)
            failed = True
            continue
        probabilities = model.logits(pixels)[0].softmax(0)
        order = probabilities.argsort(descending=True, stable=True).tolist()
        best = ", ".join(f"{shown(model.classes[label])} {100 * probabilities[label]:.1f} %" for label in order[:3])
        done = f" [{', '.join(steps)}]" if steps else ""
        say(f"{shown(str(picture))}: {shown(model.classes[order[0]])} ({best}){done}")
    return int(failed)


def load(file: Path) -> "Model":
    """An exported network, its format told from the file. Raises UserError for a file that holds no weights."""
    from underbudget.models.export import formats

    kind = formats.of(file)
    if kind.load is None:
        raise UserError(f"{file} holds no weights ({kind.about}): give a file of another format")
    kind.check_installed()
    return kind.load(file)


def shown(text: str) -> str:
    """A name as any terminal can show it."""
    return text if text.isprintable() else ascii(text)
