"""Options that several commands share: the same word means the same everywhere."""

from typing import Annotated

import typer

Runs = Annotated[str | None, typer.Option("--runs", help="Folder of all studies.", show_default="runs")]
Storage = Annotated[
    str | None, typer.Option("--storage", help="Database URL instead of RUNS/STUDY/study.db.", show_default=False)
]
DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir", help="Folder of the data sets; else the variable UNDERBUDGET_DATA, else a cache folder."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Target = Annotated[
    float | None, typer.Option("--target", help="Accuracy in percent that a network must hold in its last 3 epochs.")
]
Precision = Annotated[
    str | None, typer.Option("--precision", help="float32 or int8: bytes per stored value.", show_default="float32")
]
