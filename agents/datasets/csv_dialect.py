"""What kind of CSV a file is, judged from its first bytes.

DuckDB's own sniffer takes one malformed line near the top for proof that the file has a single
column; a majority of lines decides here.
"""

import codecs
import csv
import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from agents.errors import DatasetFormatError

HEAD_BYTES: Final = 1 << 18
"""How much of the file is looked at."""

SAMPLE_RECORDS: Final = 500

COMMON_DELIMITERS: Final = ",;\t|"
RARE_DELIMITERS: Final = "^~\x01\x1f:"

MIN_AGREEMENT: Final = 0.6
"""Share of records that must have the same number of fields for a delimiter to be believed."""

MAX_CONTROL_SHARE: Final = 0.01
"""Share of control characters past which a file is no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How fields are told apart. `decimal` is the decimal separator."""

    encoding: str
    delimiter: str
    escape: str
    decimal: str


def guess(head: bytes, name: str) -> Dialect:
    """The dialect of the file that begins with `head`; `name` is for the error message.

    Raises:
        DatasetFormatError: it is no text.
    """
    encoding, text = _decoded(head)
    control = sum(1 for character in text if character < " " and character not in "\t\n\r\x01\x1f")
    if control > MAX_CONTROL_SHARE * len(text):
        raise DatasetFormatError(f"{name} is not text: it holds binary data.")
    if not text.strip():
        raise DatasetFormatError(f"{name} holds nothing but blank lines.")
    delimiter = _delimiter(text)
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        escape="\\" if '\\"' in text and '""' not in text else '"',
        decimal="," if _has_decimal_commas(text, delimiter) else ".",
    )


def has_unnamed_index(head: bytes, delimiter: str) -> bool:
    """Whether the first line of a file names every column but the first, which numbers the rows.

    R and pandas write tables so. DuckDB takes such a line for data where every column holds text,
    or numbers for names.
    """
    names, *rows = _records(_decoded(head)[1], delimiter) or [[]]
    first, *others = [name.strip() for name in names] or [""]
    index = [row[0].strip() for row in rows]
    return (
        not first
        and bool(others)
        and all(others)
        and len({*others}) == len(others)
        and all(index)
        and len({*index}) == len(index)
    )


def _decoded(head: bytes) -> tuple[str, str]:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", head.decode("utf-16", errors="ignore")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return "latin-1", head.decode("latin-1")
    return "utf-8", text


def _delimiter(text: str) -> str:
    for candidates in (COMMON_DELIMITERS, RARE_DELIMITERS):
        ratings = {candidate: _rating(text, candidate) for candidate in candidates}
        best = max(candidates, key=ratings.__getitem__)
        if ratings[best][0] >= MIN_AGREEMENT:
            return best + " " if _is_padded(text, best) else best
    return ","


def _records(text: str, delimiter: str) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    records: list[list[str]] = []
    with suppress(csv.Error):  # such as for a huge field; what stood before it is telling enough
        records.extend(islice(csv.reader(lines, delimiter=delimiter[0]), SAMPLE_RECORDS))
    if not records:
        records = [line.split(delimiter) for line in text.splitlines()[:SAMPLE_RECORDS]]
    # The last record may have been cut off with the head.
    return [record for record in (records[:-1] if len(records) > 2 else records) if record]


def _rating(text: str, delimiter: str) -> tuple[float, int]:
    widths = Counter(map(len, _records(text, delimiter)))
    if not widths:
        return (0.0, 0)
    width, agreeing = widths.most_common(1)[0]
    return (round(agreeing / widths.total(), 2), width) if width > 1 else (0.0, 1)


def _is_padded(text: str, delimiter: str) -> bool:
    """Whether a blank follows every delimiter, so that it belongs to it."""
    fields = [field for record in _records(text, delimiter) for field in record[1:]]
    return bool(fields) and all(field.startswith(" ") for field in fields)


def _has_decimal_commas(text: str, delimiter: str) -> bool:
    if "," in delimiter:
        return False
    fields = [field for record in _records(text, delimiter) for field in record]
    commas = sum(1 for field in fields if _is_decimal(field, ","))
    return commas > 0 and not any(_is_decimal(field, ".") for field in fields)


def _is_decimal(field: str, separator: str) -> bool:
    whole, found, fraction = field.strip().lstrip("+-").partition(separator)
    return bool(found) and whole.isdecimal() and fraction.isdecimal()
