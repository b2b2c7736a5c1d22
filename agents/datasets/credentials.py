"""Passwords that stood in a location: they stay in this process, and the location goes on without.

*Guarantees*: no password becomes part of a request, and so of a history, a report or a log.

*Not here*: passwords that never stood in a location; the PostgreSQL client takes them from
`PGPASSWORD` or `~/.pgpass`, which is also the way for workers in other processes.
"""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

from agents.datasets.location import is_url, split_table, with_table, without_password

_passwords: Final[dict[str, str]] = {}
"""By location of the database, without password and table. Whoever may run code in this process
may read its memory anyhow."""


def set_apart(location: str) -> str:
    """The location without its password, which is remembered for `password_of`."""
    shown, password = without_password(location)
    if password:
        _passwords[split_table(shown)[0]] = unquote(password)
    return shown


def absolute(location: str) -> str:
    """What a user wrote as a location that holds everywhere on this machine.

    Files get their absolute path; of an address the password is set apart.
    """
    if is_url(location):
        return set_apart(location)
    file, table = split_table(location)
    path = str(Path(file).expanduser().resolve())
    return with_table(path, table) if table else path


def password_of(location: str) -> str | None:
    """The password that stood in that location, or in another of the same database."""
    return _passwords.get(split_table(location)[0])
