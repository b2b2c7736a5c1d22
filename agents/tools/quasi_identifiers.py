"""Columns that together single persons out, though none of them names anybody.

*Guarantees*: groups are counted over all rows, never over a sample; at most `MAX_COMBINATIONS`
statements.

*Source*: Sweeney, k-anonymity: a model for protecting privacy, 2002.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind, words
from agents.tools.profile import ColumnProfile, profile

K: Final = 5
"""Persons who must share a combination of values for it to single out none of them."""

MAX_COLUMNS: Final = 4
"""Of a combination: what somebody may know of a neighbour."""

MAX_CANDIDATES: Final = 10
"""Columns that are combined; of more, those with the most values."""

BREADTH: Final = 3
"""Combinations of each size, the most telling ones, that are widened by a column."""

MAX_COMBINATIONS: Final = MAX_CANDIDATES * (1 + BREADTH * (MAX_COLUMNS - 1))

ENOUGH: Final = 0.5
"""Of the rows that the most telling combination singles out, the share that a smaller one must."""

MIN_ROWS: Final = 50
"""Below it nearly any two columns single out everybody, which needs no saying."""

KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "birth": (
            r"(date|year|month|place|city|country) of birth|birth ?(date|day|year|month|place)"
            r"|yob|[db]ob|geburts(datum|tag|jahr|ort)|(date|annee|lieu) (de )?naissance"
            r"|(fecha|ano|lugar) (de )?nacimiento|native country"
        ),
        "age": r"age( (group|band|range|years))?|alter|altersgruppe|edad",
        "sex": r"(sex|gender|geschlecht|sexe|sexo|genero)( identity)?",
        "place": (
            r"(home |residence |residential )?(post ?code|postal code|zip( ?codes?)?|city|town"
            r"|suburb|county|municipality|district|village|neighbou?rhood|state|province|region|plz"
            r"|postleitzahl|wohnort|ort|stadt|landkreis|bundesland|code postal|ville|commune"
            r"|departement|codigo postal|ciudad|municipio|provincia)"
        ),
        "ethnicity": r"race( ethnicity)?|ethnic(ity| group| origin)?|ethnie|etnia",
        "marital status": (
            r"marital ?(status)?|civil status|familienstand|etat civil|situation familiale"
            r"|estado civil|relationship status"
        ),
        "nationality": (
            r"nationality|citizenship|staatsangehorigkeit|nationalitat|nationalite|nacionalidad"
            r"|(home )?country( of (origin|residence))?"
        ),
        "religion": r"religion|religious affiliation|konfession|denomination",
        "occupation": r"(job|occupation|profession|job title|beruf|metier|profesion|ocupacion)s?",
        "education": (
            r"education( level)?|(highest )?degree|qualification|bildung(sabschluss)?"
            r"|schulabschluss|diplome|nivel educativo"
        ),
        "language": r"(native |first |mother )?(language|tongue)|muttersprache",
        "household": r"(number of |num )?(children|dependents|dependants)|household size|kinder",
    }.items()
}
"""What others may know of a person, by the words of column names."""

OF_PERSONS: Final = frozenset(
    {"birth", "sex", "ethnicity", "marital status", "religion", "occupation", "education"}
)
"""Kinds that hardly anything but a person has; the others need further evidence."""

_PERSON_KEY: Final = re.compile(
    r"(customer|client|patient|person|user|member|employee|student|citizen|subject|respondent"
    r"|participant|applicant|resident|insured|subscriber|passenger)( (id|no|nr|num|number|key))"
)


class QuasiColumn(Part):
    """A column and what it tells of a person."""

    name: str
    kind: str


class QuasiIdentifiers(Part):
    """The smallest combination of `candidates` that singles out about as many as any.

    `combination` is empty if there are no rows enough or no group is smaller than `K`. `smallest`
    is the k of k-anonymity; `rows` stand in groups of fewer than `K`, `unique` in groups of one.
    Persons are counted by `person_key` where a column tells them apart, else by rows.
    """

    candidates: tuple[QuasiColumn, ...]
    person_key: str | None = None
    combination: tuple[str, ...] = ()
    smallest: int = 0
    rows: int = 0
    unique: int = 0
    combinations: int = 0


@tool(permission="read_data", timeout=600.0)
async def quasi_identifiers(data: Datasets, table: str) -> QuasiIdentifiers:
    """Find the few columns, such as birth date and postcode, that together single persons out."""
    profiled = await profile.function(data, table)
    named = [
        (column, kind)
        for column in profiled.columns
        if (kind := _kind(column)) is not None and column.distinct >= 2
    ]
    named.sort(key=lambda each: -each[0].distinct)
    candidates = tuple(
        QuasiColumn(name=column.name, kind=kind) for column, kind in named[:MAX_CANDIDATES]
    )
    if profiled.rows < MIN_ROWS or not candidates:
        return QuasiIdentifiers(candidates=candidates)
    key = next(
        (each.name for each in profiled.columns if _PERSON_KEY.fullmatch(words(each.name))), None
    )
    order = [column.name for column in profiled.columns]
    levels: list[list[_Counted]] = []
    widened: list[frozenset[str]] = [frozenset()]
    for _ in range(min(MAX_COLUMNS, len(candidates))):
        sets = {base | {each.name} for base in widened for each in candidates} - set(widened)
        combinations = sorted(sorted(each, key=order.index) for each in sets)
        counted = [await _count(data, table, names, key) for names in combinations]
        counted.sort(key=lambda each: (-each.rows, -each.unique, each.names))
        levels.append(counted)
        widened = [frozenset(each.names) for each in counted[:BREADTH]]
    most = max(level[0].rows for level in levels)
    best = next(level[0] for level in levels if level[0].rows >= ENOUGH * most)
    return QuasiIdentifiers(
        candidates=candidates,
        person_key=key,
        combination=best.names if best.rows else (),
        smallest=best.smallest,
        rows=best.rows,
        unique=best.unique,
        combinations=sum(map(len, levels)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    names: tuple[str, ...]
    smallest: int
    rows: int
    unique: int


async def _count(data: Datasets, table: str, names: Sequence[str], key: str | None) -> _Counted:
    """Rows with a missing value single out nobody: it may stand for any."""
    persons = "count(*)" if key is None else f"count(DISTINCT {identifier(key)})"
    needed = names if key is None else [*names, key]
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in needed)
    ((smallest, rows, unique),) = await data.query(
        f"""
        SELECT min(persons), sum(n) FILTER (persons < {K}), sum(n) FILTER (persons = 1) FROM (
            SELECT {persons} AS persons, count(*) AS n FROM {identifier(table)}
            WHERE {present} GROUP BY {identifiers(names)}
        )
        """
    )
    return _Counted(
        names=tuple(names), smallest=smallest or 0, rows=int(rows or 0), unique=int(unique or 0)
    )


def _kind(column: ColumnProfile) -> str | None:
    """What the column tells of a person without naming one, if anything."""
    said = words(column.name)
    kind = next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(said)), None)
    if kind is None and personal_kind(column.name) == "birth date":
        return "birth"
    return None if column.kind in ("time", "boolean") and kind != "sex" else kind
