"""Deciding which columns are personal, from the forms of their values and from their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agents.tools.column_names import PersonalKind, words
from agents.tools.personal_data import PersonalColumn

Kind: TypeAlias = PersonalKind | Literal["location"]

CERTAIN: Final = 0.5
"""Share of distinct values that must have a form for the values alone to decide."""

HINTED: Final = 0.1
"""The same if the column's name says so, too; for forms that hardly anything else has."""

HINTED_LOOSE: Final = 0.5
"""The same for forms that much else has, such as words for a name."""

NAMES: Final = 0.3
"""Share of distinct values that must begin with a frequent given name: many names are rarer."""

MIN_VALUES: Final = 5
"""Distinct values below which nothing can be said."""

MIN_VALUES_OF_PEOPLE: Final = 10
"""Distinct values that a column about people has at least, where only its name suggests it."""

MIN_PERSONS: Final = 20
"""Distinct names from which on a table is about persons, where its columns do not say so; fewer may
be those of places or ships."""

ORGANISATIONS: Final = 0.5
"""Share of values with a word of organisations that tells a column of their names."""

ORGANISATIONS_HINTED: Final = 0.2
"""The same where the column's name may mean them."""

CONTACTS_EACH: Final = 1.5
"""Different phones or addresses for each organisation, at most, that are its own; those of people
who work for it are more."""

_KINDS_OF_FORMS: Final[dict[str, Kind]] = {
    "email": "email",
    "ip address": "ip address",
    "device id": "device id",
    "phone": "phone",
    "payment card": "payment card",
    "bank account": "bank account",
    "street": "address",
    "full name": "person name",
    "position": "location",
    "person name": "person name",
    "birth date": "birth date",
    "address": "address",
}
_LOOSE: Final = frozenset({"person name", "birth date", "address", "street"})
_SIGNS_OF_NO_PERSON: Final = frozenset({"role mailbox"})

_OF_PERSONS: Final = frozenset({"person name", "birth date", "national id", "payment card"})
"""Kinds that no organisation has."""

_OF_EITHER: Final = frozenset({"phone", "address", "email"})
"""Kinds that are an organisation's contact, where the table is about organisations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A column of one kind; `form` is the form of its values that decided, `share` theirs."""

    name: str
    kind: Kind
    form: str
    share: float
    threshold: float
    rows: int
    by_value: bool

    @property
    def shows_persons(self) -> bool:
        """Whether a table with it is about persons."""
        return self.kind in _OF_PERSONS or (self.kind in ("email", "phone") and self.by_value)


def recognise(
    columns: Sequence[PersonalColumn], *, is_about_persons: bool = False
) -> Sequence[Recognised]:
    """The columns that are personal, by their values or only by their names.

    A postal code alone locates nobody; it counts beside another column of an address. Streets are
    personal where the column's name says address, or something else tells of persons. Phones and
    addresses of organisations are not personal. Positions are where the table is about persons,
    which another column tells by more than a few names, or `is_about_persons` from elsewhere.
    """
    found = [kind for column in columns if (kind := _recognise(column)) is not None]
    addresses = [column for column in found if column.kind == "address"]
    hinted = {column.name for column in columns if column.hint is not None}
    if len(addresses) == 1 and (
        addresses[0].form != "street"
        or (len(found) == 1 and addresses[0].name not in hinted and not is_about_persons)
    ):
        found.remove(addresses[0])
    by_name = {column.name: column for column in columns}
    if not is_about_persons and not any(column.kind in _OF_PERSONS for column in found):
        organisation = _organisation(columns)
        if organisation is not None:
            found = [
                column
                for column in found
                if not _is_contact(by_name[column.name], column.kind, organisation)
            ]
    is_about_persons = is_about_persons or any(
        column.shows_persons
        and (
            column.kind != "person name"
            or column.name in hinted
            or by_name[column.name].distinct >= MIN_PERSONS
        )
        for column in found
    )
    if is_about_persons:
        return found + _coordinates(columns)
    return [column for column in found if column.kind != "location"]


def _organisation(columns: Iterable[PersonalColumn]) -> PersonalColumn | None:
    """The column of organisations' names with the most of them, if there is one."""
    named = [
        column
        for column in columns
        if column.organisations >= ORGANISATIONS
        or (column.is_organisation and column.organisations >= ORGANISATIONS_HINTED)
    ]
    return max(named, key=lambda column: column.distinct, default=None)


def _is_contact(column: PersonalColumn, kind: Kind, organisation: PersonalColumn) -> bool:
    """Whether the column is of the organisations themselves, not of people who work for them."""
    if kind not in _OF_EITHER:
        return False
    if kind == "email" and column.forms.get("role mailbox", 0.0) < CERTAIN:
        return False
    is_subject = words(organisation.name) == "name"  # each row is one, perhaps of a chain
    return is_subject or column.distinct <= CONTACTS_EACH * organisation.distinct


def _coordinates(columns: Iterable[PersonalColumn]) -> list[Recognised]:
    """Latitude and longitude, where both are there."""
    pair = [column for column in columns if column.is_coordinate]
    return [
        Recognised(
            name=column.name,
            kind="location",
            form="degrees",
            share=1.0,
            threshold=CERTAIN,
            rows=column.rows,
            by_value=True,
        )
        for column in (pair if len(pair) > 1 else ())
    ]


def _recognise(column: PersonalColumn) -> Recognised | None:
    if column.sampled < MIN_VALUES:
        return None
    best: Recognised | None = None
    for form, share in column.forms.items():
        if form in _SIGNS_OF_NO_PERSON:
            continue
        kind = _KINDS_OF_FORMS.get(form, "national id")
        threshold = NAMES if form == "full name" else CERTAIN
        if kind == column.hint and form != "full name":
            threshold = HINTED_LOOSE if form in _LOOSE else HINTED
        if share >= threshold and (best is None or share > best.share):
            best = Recognised(
                name=column.name,
                kind=kind,
                form=form,
                share=share,
                threshold=threshold,
                rows=column.rows,
                by_value=True,
            )
    is_of_people = column.distinct >= MIN_VALUES_OF_PEOPLE
    if best is not None and best.kind == "person name" and column.hint is None:
        return best if column.distinct >= MIN_PERSONS else None
    if best is not None:
        return best if is_of_people or best.form not in _LOOSE else None
    if column.hint in (None, "password", "device id") or not is_of_people:
        return None
    assert column.hint is not None
    return Recognised(
        name=column.name,
        kind=column.hint,
        form=column.hint,
        share=0.0,
        threshold=HINTED,
        rows=column.rows,
        by_value=False,
    )
