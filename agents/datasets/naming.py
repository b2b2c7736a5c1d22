"""The names under which SQL sees datasets."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from agents.datasets.location import is_url, server_of, split_table
from agents.domain.request import DatasetReference
from agents.errors import AgentUsageError

FIRST: Final = "data"
MAX_LENGTH: Final = 63


def name_datasets(references: Sequence[DatasetReference]) -> tuple[str, ...]:
    """A name for each, unique whatever the case of letters: its own, `data`, or its file's.

    Of a table in a database the name is the table's, of a server as a whole what it is.

    Raises:
        AgentUsageError: two have the same name.
    """
    taken: set[str] = set()
    for reference in references:
        if reference.name and reference.name.casefold() in taken:
            raise AgentUsageError(f"Two datasets are named {reference.name}: rename one.")
        taken.add(reference.name.casefold())
    names = []
    for number, reference in enumerate(references):
        name = reference.name
        if not name:
            name = _unused(FIRST if number == 0 else _from_file(reference.location), taken)
            taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _from_file(location: str) -> str:
    file, table = split_table(location)
    whole = server_of(file) if is_url(file) else PurePath(file).name.split(".")[0]
    stem = table.rpartition(".")[2] or whole
    name = re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "table"
    return (name if not name[0].isdigit() else f"t_{name}")[:MAX_LENGTH]


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        suffix = f"_{number}"
        candidate = name[: MAX_LENGTH - len(suffix)] + suffix
    return candidate
