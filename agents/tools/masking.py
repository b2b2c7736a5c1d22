"""Showing a value without giving it away.

*Guarantees*: the result holds no e-mail address, no number of seven digits or more, and no secret
that `secret_patterns` knows; of a value in a column that is personal by name, only the first
character.
"""

import re
from typing import Final

from agents.datasets.missing_codes import MISSING_CODES
from agents.tools.column_names import personal_kind
from agents.tools.secret_patterns import without_secrets

MAX_SHOWN: Final = 60
"""Characters of a value that are shown."""

_EMAIL: Final = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+\.[^\s@,;<>\"']+")
_LONG_NUMBER: Final = re.compile(r"\+?\d(?:[ ()./-]?\d){6,}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")


def masked(value: str, *, column: str = "") -> str:
    """`value` with what is personal or secret in it hidden, in at most `MAX_SHOWN` characters.

    >>> masked("call 020 7946 0018 or ann@example.org")
    'call 02******* or a***@***'
    >>> masked("Ann", column="first_name")
    'A**'
    """
    if value.strip().lower() in MISSING_CODES:
        return shortened(value)
    if personal_kind(column) is not None:
        return fully_masked(value)
    if _DATE.fullmatch(value) is None:
        value = without_secrets(value)
        value = _EMAIL.sub(lambda found: f"{found[0][0]}***@***", value)
        value = _LONG_NUMBER.sub(lambda found: found[0][:2] + "*******", value)
    return shortened(value)


def fully_masked(value: str) -> str:
    """The first character and the length of `value`, up to eight."""
    return value[:1] + "*" * min(7, max(0, len(value) - 1))


def shortened(value: str) -> str:
    """`value` on one line, cut where it is too long to be shown."""
    line = "".join(character if character.isprintable() else "·" for character in value)
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"
