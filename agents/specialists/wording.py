"""How findings put figures and names into sentences."""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """`number` with its noun.

    >>> counted(1, "row"), counted(2512, "row"), counted(2, "city", "cities")
    ('1 row', '2,512 rows', '2 cities')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share as per cent, never rounded to none or to all.

    >>> percent(0.0246), percent(0.00001), percent(0.9999), percent(1.0)
    ('2.5 %', '< 0.1 %', '> 99.9 %', '100 %')
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if 0 < share < 1 else f"{share * 100:.0f} %"


def figure(value: float) -> str:
    """A number as people write it.

    >>> figure(1048.36058), figure(2013.0), figure(0.000012345)
    ('1,048.36', '2,013', '1.23e-05')
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def brief(value: float) -> str:
    """A figure as one says it, with four significant digits.

    >>> brief(20.2155425), brief(1234567.8), brief(-0.0001234)
    ('20.22', '1,235,000', '-0.0001234')
    """
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """The names as a sentence lists them.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    if len(shown) == 1:
        return shown[0]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def is_or_are(names: Sequence[str]) -> str:
    """The verb that fits."""
    return "is" if len(names) == 1 else "are"
