"""Passwords that stood in a location: they stay in this process, and the location goes on without.

*Guarantees*: no password becomes part of a request, and so of a history, a report or a log.

*Not here*: passwords that never stood in a location, which is also the way for workers in other
processes. The PostgreSQL client takes them from `PGPASSWORD` or `~/.pgpass`, servers asked over
HTTP get those of `~/.netrc` (`endpoint.py`).
"""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

from agents.datasets.location import is_url, scheme_of, split_table, with_table, without_password
from agents.datasets.sources import READABLE
from agents.errors import AgentUsageError

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

    Raises:
        AgentUsageError: it is an address of something that cannot be asked, or no path.
    """
    if is_url(location):
        return set_apart(location)
    if (scheme := scheme_of(location)) and not Path(location).exists():
        raise AgentUsageError(f"Nothing can be read from {scheme}:// addresses: {READABLE}.")
    file, table = split_table(location)
    try:
        path = str(Path(file).expanduser().resolve())
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        raise AgentUsageError(f"{file} is no path that leads to a file: {error}.") from error
    return with_table(path, table) if table else path


def password_of(location: str) -> str | None:
    """The password that stood in that location, or in another of the same database."""
    return _passwords.get(split_table(location)[0])
