"""Deciding which columns are personal, from the forms of their values and from their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.tools.column_names import PersonalKind
from agents.tools.personal_data import PersonalColumn

CERTAIN: Final = 0.5
"""Share of distinct values that must have a form for the values alone to decide."""

HINTED: Final = 0.1
"""The same if the column's name says so, too; for forms that hardly anything else has."""

HINTED_LOOSE: Final = 0.5
"""The same for forms that much else has, such as words for a name."""

MIN_VALUES: Final = 5
"""Distinct values below which nothing can be said."""

MIN_VALUES_OF_PEOPLE: Final = 10
"""Distinct values that a column about people has at least, where only its name suggests it."""

_KINDS_OF_FORMS: Final[dict[str, PersonalKind]] = {
    "email": "email",
    "ip address": "ip address",
    "phone": "phone",
    "payment card": "payment card",
    "bank account": "bank account",
    "street": "address",
    "person name": "person name",
    "birth date": "birth date",
    "address": "address",
}
_LOOSE: Final = frozenset({"person name", "birth date", "address", "street"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A column of one kind; `form` is the form of its values that decided, `share` theirs."""

    name: str
    kind: PersonalKind
    form: str
    share: float
    threshold: float
    rows: int
    by_value: bool


def recognise(columns: Iterable[PersonalColumn]) -> Sequence[Recognised]:
    """The columns that are personal, by their values or only by their names.

    A postal code alone locates nobody; it counts beside another column of an address.
    """
    found = [kind for column in columns if (kind := _recognise(column)) is not None]
    addresses = [column for column in found if column.kind == "address"]
    if len(addresses) == 1 and addresses[0].form != "street":
        found.remove(addresses[0])
    return found


def _recognise(column: PersonalColumn) -> Recognised | None:
    if column.sampled < MIN_VALUES:
        return None
    best: Recognised | None = None
    for form, share in column.forms.items():
        kind = _KINDS_OF_FORMS.get(form, "national id")
        is_hinted = kind == column.hint
        threshold = CERTAIN
        if is_hinted:
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
    if best is not None:
        return best if is_of_people or best.form not in _LOOSE else None
    if column.hint is None or column.hint == "password" or not is_of_people:
        return None
    return Recognised(
        name=column.name,
        kind=column.hint,
        form=column.hint,
        share=0.0,
        threshold=HINTED,
        rows=column.rows,
        by_value=False,
    )
