"""Locations taken apart: a file, a table in a database file, or something that a server is asked.

*Guarantees*: nothing is opened or asked here, and what `without_password` returns holds none.

*Not here*: which locations may be read (`sources.py`), and where passwords stay (`credentials.py`).
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, unquote

Server: TypeAlias = Literal["postgresql", "rabbitmq", "prometheus"]

URL_SCHEMES: Final[Mapping[str, Server]] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "rabbitmq": "rabbitmq",
    "rabbitmqs": "rabbitmq",
    "prometheus+http": "prometheus",
    "prometheus+https": "prometheus",
}

SEPARATOR: Final = "::"
"""Between a database file and the table in it."""

TABLE: Final = "table"
"""The parameter of a URL that names the table."""

_PORT: Final = re.compile(r"\d*(/.*)?")
_SECRET_PARAMETERS: Final = frozenset({"password", "sslpassword"})


def is_url(location: str) -> bool:
    """Whether `location` is the address of a server that can be asked.

    >>> is_url("postgresql://ann@localhost/shop?table=orders"), is_url("orders.csv")
    (True, False)
    """
    return scheme_of(location) in URL_SCHEMES


def scheme_of(location: str) -> str:
    """What stands before `://`, in small letters; empty where that stands nowhere.

    >>> scheme_of("RabbitMQ://localhost:15672"), scheme_of("orders.csv")
    ('rabbitmq', '')
    """
    scheme, found, _ = location.partition("://")
    return scheme.lower() if found else ""


def server_of(location: str) -> Server:
    """What kind of server the address is of."""
    return URL_SCHEMES[scheme_of(location)]


def split_table(location: str) -> tuple[str, str]:
    """The database and the table in it; the table is empty where none is named.

    >>> split_table("shop.db::orders")
    ('shop.db', 'orders')
    >>> split_table("postgresql://ann@localhost/shop?table=public.orders")
    ('postgresql://ann@localhost/shop', 'public.orders')
    """
    if not is_url(location):
        base, found, table = location.partition(SEPARATOR)
        return (base, table) if found and base else (location, "")
    base, _, query = location.partition("?")
    pairs = [each for each in query.split("&") if each]
    named = [each for each in pairs if each.partition("=")[0] == TABLE]
    kept = "&".join(each for each in pairs if each not in named)
    return f"{base}?{kept}" if kept else base, unquote(named[0][len(TABLE) + 1 :]) if named else ""


def with_table(base: str, table: str) -> str:
    """The location of `table` in the database `base`; the inverse of `split_table`."""
    if not is_url(base):
        return f"{base}{SEPARATOR}{table}"
    return f"{base}{'&' if '?' in base else '?'}{TABLE}={quote(table, safe='.')}"


def without_password(location: str) -> tuple[str, str]:
    """The location as it may be shown, and the password that stood in it, empty if none did.

    >>> without_password("postgresql://ann:s3cret@localhost/shop?table=orders")
    ('postgresql://ann@localhost/shop?table=orders', 's3cret')
    """
    if not is_url(location):
        return location, ""
    scheme, _, rest = location.partition("://")
    begin = _host_begins(rest)
    who, (target, mark, query) = rest[:begin], rest[begin:].partition("?")
    user, colon, password = who.removesuffix("@").partition(":")
    pairs = [each for each in query.split("&") if each]
    hidden = [each for each in pairs if each.partition("=")[0].lower() in _SECRET_PARAMETERS]
    kept = "&".join(each for each in pairs if each not in hidden)
    shown = f"{scheme}://{user}{'@' if who else ''}{target}{mark if kept else ''}{kept}"
    return shown, password if colon else next((each.partition("=")[2] for each in hidden), "")


def _host_begins(rest: str) -> int:
    """Where user and password end, also if characters of the password were not escaped."""
    query = rest.find("?")
    end = rest.rfind("@", 0, query if query >= 0 else len(rest))
    if end < 0 and query >= 0 and "@" in rest:
        before = rest[:query].partition(":")[2]
        if before and _PORT.fullmatch(before) is None:
            end = rest.rfind("@")
    return end + 1
