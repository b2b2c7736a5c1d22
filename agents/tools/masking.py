"""Showing a value without giving it away.

*Guarantees*: the result holds no e-mail address, no number of a card or an account, no other number
of seven digits or more that is no date, fraction or digest, and no secret that `secret_patterns`
knows; of a value in a column that is personal by name, only the first character. Masking what is
masked changes nothing.
"""

import re
from typing import Final

from agents.datasets.missing_codes import MISSING_CODES
from agents.tools.column_names import personal_kind
from agents.tools.personal_values import is_iban
from agents.tools.secret_patterns import without_secrets

MAX_SHOWN: Final = 60
"""Characters of a value that are shown."""

MAX_SEARCHED: Final = 2_000
"""Characters from the start of a value that are searched for what must be hidden, of which far
fewer are shown."""

_EMAIL: Final = re.compile(r"(?<!://)(?<![\w.+%'-])[\w.+%'-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_ACCOUNT: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b", re.IGNORECASE)
_LETTERED_ID: Final = re.compile(
    r"\b(?:\d{8}[A-Z]|[XYZ]\d{7}[A-Z]|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"
    r"|[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d)\b"
)
"""National identifiers with letters among fewer than seven digits in a row, or at their end."""

_NUMBER: Final = re.compile(
    r"(?P<kept>(?:18|19|20|21)\d\d-[01]\d-[0-3]\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?!\d)"
    r"|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
    r"|\b(?=[0-9]*[a-f])[0-9a-f]{10,}\b"
    r"|(?<![\d.])(?:0|[1-9]\d{0,5})\.\d+(?:e[+-]?\d+)?(?![\d.]))"
    r"|\+?\d(?:[ ()./-]{0,2}\d){6,}"
)
_DIGIT: Final = re.compile(r"\d")


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
    shown = without_personal(value[:MAX_SEARCHED])
    if len(value) > MAX_SEARCHED and len(shown) <= MAX_SHOWN:
        # So much was hidden that the end shows, where the cut may have halved what has a form.
        shown = f"{shown.rpartition(' ')[0]}…"
    return shortened(shown)


def without_personal(text: str) -> str:
    """`text` with what has the form of personal data or of a secret hidden, otherwise whole.

    >>> without_personal("DE89 3704 0044 0532 0130 00, due 2024-01-31")
    'DE*******, due 2024-01-31'
    """
    text = without_secrets(text)
    if "@" in text:
        text = _EMAIL.sub(lambda found: f"{found[0][0]}***@***", text)
    if _DIGIT.search(text) is None:
        return text
    text = _ACCOUNT.sub(_hide_account, text)
    text = _LETTERED_ID.sub(_hide, text)
    return _NUMBER.sub(lambda found: found[0] if found["kept"] else _hide(found), text)


def fully_masked(value: str) -> str:
    """The first character and the length of `value`, up to eight."""
    return value[:1] + "*" * min(7, max(0, len(value) - 1))


def shortened(value: str) -> str:
    """`value` on one line, cut where it is too long to be shown."""
    line = "".join(character if character.isprintable() else "·" for character in value)
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def _hide(found: re.Match[str]) -> str:
    return f"{found[0][:2]}*******"


def _hide_account(found: re.Match[str]) -> str:
    """An account number hidden; it may be followed by words that look like a part of it."""
    text = found[0]
    ends = [place for place in range(15, len(text) + 1) if text[place : place + 1] in ("", " ")]
    for end in reversed(ends):
        if is_iban(text[:end]):
            return f"{text[:2]}*******{text[end:]}"
    return text
