"""Names for what a statement returns besides the columns of its table."""

from collections.abc import Iterable


def fresh_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with a number if a column has that name; case does not tell names apart.

    >>> fresh_name("expected", ["city"]), fresh_name("expected", ["Expected"])
    ('expected', 'expected_1')
    """
    names = {name.casefold() for name in taken}
    number, name = 0, wanted
    while name.casefold() in names:
        number += 1
        name = f"{wanted}_{number}"
    return name
