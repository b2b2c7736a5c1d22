"""Judging texts that were damaged before the file was written."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE, capped
from agents.specialists.wording import counted, listed
from agents.tools.damaged_text import Damage, DamagedColumn
from agents.tools.profile import TableProfile

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on damage is more than an accident. Ours."""

SAID: Final[dict[Damage, str]] = {
    "mojibake": "hold characters of a text that was read in the wrong encoding",
    "replaced": "hold characters that were lost in a change of encoding",
    "exponent": "hold numbers in exponential notation where codes stand otherwise",
    "month": "hold a day and a month where codes stand otherwise",
    "overflow": "hold what a spreadsheet shows instead of a value",
    "markup": "hold HTML entities instead of characters",
    "short": "lack a leading zero that others of their length have",
}

ADVICE: Final[dict[Damage, str]] = {
    "mojibake": "Read the source as UTF-8; what is stored can be turned back by encoding it as "
    "Windows-1252 and decoding it as UTF-8.",
    "replaced": "Load these values again from the source; what was replaced cannot be restored.",
    "exponent": "Load the codes again from the source as text, never by way of a spreadsheet.",
    "month": "Load the codes again from the source as text, never by way of a spreadsheet.",
    "overflow": "Load these values again from the source; the spreadsheet has not exported them.",
    "markup": "Decode the entities once, where the text comes from.",
    "short": "Read the column as text, and pad what is too short with zeros.",
}

CONFIDENCE: Final[dict[Damage, float]] = {
    "mojibake": 0.95,
    "replaced": 0.95,
    "exponent": 0.9,
    "month": 0.8,
    "overflow": 0.95,
    "markup": 0.9,
    "short": 0.8,
}
"""How sure it is that nobody has written the values that way on purpose. Ours."""


def judge_damage(profile: TableProfile, measured: Sequence[DamagedColumn]) -> list[Finding]:
    """One finding for each kind of damage, over all columns that have it."""
    by_damage: dict[Damage, list[DamagedColumn]] = defaultdict(list)
    for column in measured:
        by_damage[column.damage].append(column)
    return [_finding(profile, damage, columns) for damage, columns in by_damage.items()]


def _finding(profile: TableProfile, damage: Damage, columns: Sequence[DamagedColumn]) -> Finding:
    columns = sorted(columns, key=lambda column: -column.rows)
    names = [column.name for column in columns]
    worst = columns[0]
    cells = sum(column.rows for column in columns)
    shown = [f"{column.name} ({column.rows:,})" for column in columns]
    where = names[0] if len(names) == 1 else f"{len(names)} columns"
    said = SAID[damage]
    if cells == 1:
        said = said.replace("hold ", "holds ", 1).replace("lack ", "lacks ", 1)
    examples = listed(worst.examples, most=3) if len(names) == 1 else listed(shown)
    return Finding(
        role=ROLE,
        title=f"{counted(cells, 'value')} of {where} {said}: {examples}.",
        severity="medium" if worst.rows >= NOTABLE_RATE * profile.rows else "low",
        category="encoding_damage",
        subject=Subject(table=profile.table, column=names[0] if len(names) == 1 else None),
        key=damage,
        evidence=capped(
            Evidence(
                metric=f"damaged values of {column.name}",
                value=column.rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {identifier(column.name)} FROM {identifier(profile.table)} "
                    f"WHERE {column.condition}"
                ),
            )
            for column in columns
        ),
        rows=worst.rows,
        recommendation=ADVICE[damage],
        impact="Such values are shown to people as they are, and equal nothing they are joined to.",
        effort="low" if damage in ("markup", "short") else "medium",
        confidence=CONFIDENCE[damage],
        reason="hardly anybody writes such characters on purpose",
    )
