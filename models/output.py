"""What is shown of text from outside, and standard streams that show any text and outlive their reader.

Names and messages come from databases, files and folders that others made. A terminal obeys the escape sequences in
them, and an editor or a browser reorders a line that holds marks of writing direction.
"""

import io
import logging
import os
import re
import sys
from typing import IO, Any, cast

log = logging.getLogger(__name__)

_JOINERS = "\u200c\u200d"  # between letters of Persian, Hindi, ..., and in emoji
_PLAIN = re.compile(r"[^\n\t -~]")  # anything else is looked at


def visible(text: str) -> str:
    """The text with each character that has no picture of its own (escape, carriage return, direction mark, half a
    surrogate pair, ...) written as JSON writes it, e.g. \\u001b, so that JSON keeps its value. Line ends, tabs and
    blanks stay."""
    return text if text.isprintable() else _PLAIN.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    is_blank = character.isspace() and character > "\x85" and character not in "\u2028\u2029"
    if character.isprintable() or is_blank or character in _JOINERS:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class Stream(io.TextIOWrapper):
    """A standard stream that shows any text (`visible`; what its encoding lacks is escaped too) and never fails: once
    its reader is gone or its disk is full, what is written to it is dropped, and `lost` says why."""

    lost: OSError | None = None

    def __init__(self, standard: io.TextIOWrapper) -> None:
        """standard: the stream that this one takes the place of."""
        line_buffering = standard.line_buffering
        super().__init__(standard.buffer, standard.encoding, "backslashreplace", line_buffering=line_buffering)
        self._standard = standard  # kept: it closes the file that both write to when it goes

    def write(self, text: str) -> int:
        return self.draw(visible(text))

    def draw(self, text: str) -> int:
        """Write text whose escape sequences are the program's own."""
        try:
            super().write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Write into nothing from now on: what is buffered and what libraries write, too."""
        self.lost = self.lost or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        log.info("nothing can be shown any more (%s)", error.strerror)


class _Drawing:
    """A stream to which escape sequences pass."""

    def __init__(self, stream: Stream) -> None:
        self.write = stream.draw
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def drawing(stream: IO[str]) -> IO[str]:
    """The same stream, to be written to with escape sequences of the program's own."""
    return cast("IO[str]", _Drawing(stream)) if isinstance(stream, Stream) else stream


def protect_streams() -> None:
    """Put a `Stream` in the place of standard output and error; one that is closed is written to in vain."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115, for as long as the program runs
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, Stream(stream))


def exit_code(code: int) -> int:
    """A program's exit code at its end: 1 where it ended well but not all of its output was written, which it says
    unless a reader such as `head` has seen enough."""
    sys.stdout.flush()
    lost = sys.stdout.lost if isinstance(sys.stdout, Stream) else None
    if lost is not None and not isinstance(lost, BrokenPipeError):
        print(f"error: standard output was lost ({lost.strerror}): all but what is shown was done", file=sys.stderr)
    return code or int(lost is not None)
