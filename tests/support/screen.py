"""A terminal's screen: what it shows after what was written to it, and nothing it does not know."""

import re
from typing import Final

from rich.cells import cell_len

_PIECE: Final = re.compile(
    r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x00-\x1f\x7f-\x9f])", re.DOTALL
)


_BEGUN: Final = re.compile(r"\x1b(\[[?0-9;]*)?\Z")
"""A sequence whose end is still to come."""


class Screen:
    """Rows of cells that grow downwards; knows only to move up, to erase, and colours.

    Whatever else is written to it, such as a sequence that hides the cursor, is an error.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.coloured = False
        self.reached = 0
        self._rows: list[list[str]] = [[]]
        self._row = 0
        self._column = 0
        self._begun = ""

    def write(self, text: str) -> None:
        text, place = self._begun + text, 0
        whole = len(text) if (begun := _BEGUN.search(text)) is None else begun.start()
        self._begun = text[whole:]
        while place < whole:
            piece = _PIECE.match(text, place)
            assert piece is not None, f"not known: {text[place : place + 20]!r}"
            place = piece.end()
            parameters, command, control, character = piece.groups()
            if command is not None:
                self._obey(command, parameters)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._down()
            else:
                self._put(character)

    def text(self) -> str:
        """The rows, without blanks at their ends."""
        return "\n".join("".join(row).rstrip() for row in self._rows).rstrip("\n")

    def _obey(self, command: str, parameters: str) -> None:
        assert "?" not in parameters, f"a mode is changed: {parameters}{command}"
        match command:
            case "m":
                self.coloured = True
            case "A":
                self._row -= int(parameters or 1)
                assert self._row >= 0, "the cursor leaves what was written"
            case "K":
                assert not parameters
                del self._rows[self._row][self._column :]
            case "J":
                assert not parameters
                del self._rows[self._row][self._column :]
                del self._rows[self._row + 1 :]
            case _:
                raise AssertionError(f"not known: {parameters}{command}")

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append([])

    def _put(self, character: str) -> None:
        width = cell_len(character)
        if self._column + width > self.columns:
            self._column = 0
            self._down()
        row = self._rows[self._row]
        row += [" "] * (self._column - len(row))
        if width:
            row[self._column : self._column + width] = [character, *([""] * (width - 1))]
        self._column += width
        self.reached = max(self.reached, self._column)
