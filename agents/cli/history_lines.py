"""A recorded message on one line: in columns, shorter ones in a narrow terminal, or as a sentence.

*Guarantees*: what a message says of itself is written with its control characters made visible.
"""

import json
import sys
from typing import TYPE_CHECKING, Final

import click

from agents.cli.line_mode import is_plain
from agents.cli.wrapped import cropped, room

if TYPE_CHECKING:
    from bus import HistoryRecord

_WIDE: Final = 112
"""Columns from which on every column is shown in full."""


class Writer:
    """Writes records to standard output in the order in which they are given."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._day = ""

    def write(self, record: "HistoryRecord") -> None:
        """Write one record, in a narrow terminal after its day where that is another one."""
        width = room(sys.stdout)
        if self._form == "json":
            click.echo(as_json(record))
        elif is_plain(sys.stdout):
            click.echo(as_sentence(record))
        elif width is None or width >= _WIDE:
            click.echo(as_columns(record))
        else:
            if record.time[:10] != self._day:
                self._day = record.time[:10]
                click.echo(_inert(self._day))
            click.echo(cropped(_as_narrow_columns(record), width))


def as_columns(record: "HistoryRecord") -> str:
    """Position, time, request, who, what, to where."""
    return _inert(
        f"{record.position:>7}  {record.time[:23]}  {_request(record)}  "
        f"{record.source:<14}  {_name(record):<20}  -> {record.topic}{_erased(record)}"
    )


def as_sentence(record: "HistoryRecord") -> str:
    """The same, to be read aloud."""
    return _inert(
        f"Message {record.position} of {record.time[11:19]} on {record.time[:10]}, request "
        f"{_request(record).strip()}: {record.source} sent {_name(record)} to {record.topic}"
        f"{', erased since' if record.erased else ''}."
    )


def as_json(record: "HistoryRecord") -> str:
    """One line; a body that is no JSON is given as text."""
    try:
        event = json.loads(record.body)
    except ValueError:
        event = record.body.decode("utf-8", errors="backslashreplace")
    return json.dumps({"position": record.position, "topic": record.topic, "event": event})


def _as_narrow_columns(record: "HistoryRecord") -> str:
    """Time of day, request, who, what, to where."""
    return _inert(
        f"{record.time[11:19]}  {_request(record)}  {record.source:<14}  {_name(record):<18}"
        f"{_erased(record)}  {record.topic}"
    )


def _name(record: "HistoryRecord") -> str:
    return record.message_type.removeprefix("convener.").rpartition(".v")[0] or record.message_type


def _request(record: "HistoryRecord") -> str:
    return (record.correlation_id or "-")[:8]


def _erased(record: "HistoryRecord") -> str:
    return "  erased" if record.erased else ""


def _inert(line: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in line)
