r"""The front as a LaTeX table for a paper: `\input{front.tex}`, with the package booktabs.

The table carries its conditions in the caption. Texts of a study are escaped, and written in ASCII, which every engine
reads: an accent becomes its command, a character without a simple command its code point.
"""

import unicodedata
from collections.abc import Sequence

from underbudget.reports import front as fronts
from underbudget.reports.record import StudyRecord, score_words
from underbudget.reports.statistics import Summary
from underbudget.reports.tables import front_rows

# Besides the ten special characters those that the old font encoding OT1 shows as others, and the ligatures.
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\`{}",
    "-": "-{}",
}
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
            "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"}  # fmt: skip
_LETTERS = {"\u00df": r"\ss{}", "\u00e6": r"\ae{}", "\u00c6": r"\AE{}", "\u00f8": r"\o{}", "\u00d8": r"\O{}",
            "\u0142": r"\l{}", "\u0141": r"\L{}", "\u0153": r"\oe{}", "\u0152": r"\OE{}", "\u0131": r"\i{}",
            "\u2013": "--", "\u2014": "---", "\u00b7": r"\textperiodcentered{}"}  # fmt: skip
_COST_HEADS = {"params": "Params", "macs": "MACs", "peak_bytes": "Peak bytes", "params_bytes": "Parameter bytes"}


def escape(text: str) -> str:
    """Text for the body of a LaTeX document, on one line, in ASCII."""
    return "".join(_escaped(character) for character in unicodedata.normalize("NFC", one_line(text)))


def one_line(text: str) -> str:
    """Text with single blanks for white space and control characters, so that it ends no comment or block."""
    printable = (character if character.isprintable() else " " for character in text)
    return " ".join("".join(printable).split())


def _escaped(character: str) -> str:
    if character.isascii():
        return _ESCAPES.get(character, character)
    if character in _LETTERS:
        return _LETTERS[character]
    plain = unicodedata.normalize("NFD", character)
    if len(plain) == 2 and plain[0].isascii() and plain[1] in _ACCENTS:
        return f"\\{_ACCENTS[plain[1]]}{{{plain[0]}}}"
    return f"U+{ord(character):04X}"


def front_table(study: StudyRecord, confirmed: dict[int, Summary]) -> str:
    """The front as a `table` environment, lowest cost first; each row ends in a comment with its network. `confirmed`
    has test accuracies by trial; without any their column is left out."""
    axes = list(dict.fromkeys((study.axis, "params", "macs")))
    rows = front_rows(study)
    heads = [*(_COST_HEADS[axis] for axis in axes), "Acc.", r"95\,\% int."]
    if confirmed:
        heads.append(r"Test $\pm$ sd")
    heads.append("Trial")
    lines = [
        "% Written by underbudget. In the preamble: \\usepackage{booktabs}. Behind each row: its network.",
        r"\begin{table}[t]",
        r"  \centering\small\setlength{\tabcolsep}{3.5pt}",
        rf"  \caption{{{_caption(study, [found.n for found in confirmed.values()])}}}",
        r"  \label{tab:front}",
        rf"  \begin{{tabular}}{{{'r' * len(heads)}}}",
        r"    \toprule",
        f"    {' & '.join(heads)} \\\\",
        r"    \midrule",
    ]
    for row in rows:
        cells = [*(f"{row[axis]:,}" for axis in axes), f"{row['score']:.2f}"]
        cells.append("--" if row["low"] is None else f"{row['low']:.2f}--{row['high']:.2f}")
        if confirmed:
            test = confirmed.get(row["trial"])
            spread = "" if test is None or test.sd is None else rf" $\pm$ {test.sd:.2f}"
            cells.append("--" if test is None else f"{test.mean:.2f}{spread}")
        cells.append(str(row["trial"]))
        network = one_line(row["layers_text"]).encode("ascii", "backslashreplace").decode()
        lines.append(f"    {' & '.join(cells)} \\\\ % {network}")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def _caption(study: StudyRecord, confirmed: Sequence[int]) -> str:
    held = study.stored
    words = escape(fronts.AXIS_WORDS[study.axis])
    images = "" if held.images is None else f" on {held.images:,} images"
    parts = [
        f"Front of the study {escape(study.name)} on {escape(held.dataset.title)}: {words} and validation accuracy "
        f"in percent ({score_words(held.epochs)}{images}; Wilson's interval, one run per network).",
        f"Budget {escape(held.budget)}, {held.epochs} epochs, seed {'?' if held.seed is None else held.seed}.",
    ]
    if confirmed:
        seeds = "--".join(str(count) for count in sorted({min(confirmed), max(confirmed)}))
        parts.append(f"Test: mean of {seeds} fresh seeds, trained with the validation images too, last epoch.")
    return " ".join(parts)
