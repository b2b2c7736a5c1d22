"""References to data: from a location to files that may be read, and what format they are in.

*Guarantees*: a path that is returned lies, with every symbolic link resolved, inside one of the
named roots, or is absolute and absolute paths are permitted.

*Not here*: how a file is parsed (`readers.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from agents.datasets.location import SEPARATOR, with_table
from agents.datasets.packing import PACKINGS, SHELL_READS, Packing, packing_of
from agents.errors import DatasetFormatError, DatasetUnreachableError

Format: TypeAlias = Literal[
    "csv", "parquet", "json", "sqlite", "duckdb", "postgresql", "rabbitmq", "prometheus"
]

DATABASE_FILES: Final[frozenset[Format]] = frozenset({"sqlite", "duckdb"})
"""Files of several tables; `file::table` names one."""

SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".psv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}

READABLE: Final = (
    "readable are CSV and TSV files (.csv, .tsv, .txt), JSON (.json, .jsonl, .ndjson), both also "
    "as .gz, .zst, .bz2 or .xz, Parquet files and folders of them, SQLite and DuckDB files (file "
    "or file::table), postgresql://user@host/database?table=schema.name, "
    "rabbitmq://user@host:15672 (its management interface) and "
    "prometheus+http://host:9090?query=PROMQL"
)

PARQUET_MAGIC: Final = b"PAR1"
SQLITE_MAGIC: Final = b"SQLite format 3\0"
ZIP_MAGIC: Final = b"PK\x03\x04"
DUCKDB_MAGIC: Final = b"DUCK"
"""At byte 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files that form one dataset, sorted by path.

    `path` is what was referred to: the one file, or the folder that holds the `files`. `table` is
    the one that was named of a database file. What is packed has to be unpacked to be read.
    """

    path: Path
    files: tuple[Path, ...]
    format: Format
    size_bytes: int
    table: str = ""
    packing: Packing | None = None

    @property
    def is_folder(self) -> bool:
        """Whether `path` is a folder."""
        return self.files != (self.path,)

    @property
    def is_read_by_shells(self) -> bool:
        """Whether DuckDB reads the files as they are, given nothing but their names."""
        if self.format == "sqlite":
            return False
        named = PACKINGS.get(self.path.suffix.lower())
        return self.packing is None or (self.packing == named and named in SHELL_READS)

    @property
    def pattern(self) -> str:
        """What a reader function is given: the file, or a pattern that names the folder's files."""
        return f"{self.path}/**/*.parquet" if self.is_folder else str(self.path)


def locate(location: str, *, roots: Mapping[str, Path], allow_absolute: bool) -> Path:
    """The resolved path behind `location`, which need not exist.

    Raises:
        DatasetUnreachableError: it is outside the roots, names none of them, or is no path.
    """
    if "\0" in location:
        raise DatasetUnreachableError("The location contains a NUL character: give a plain path.")
    if Path(location).is_absolute():
        if not allow_absolute:
            raise DatasetUnreachableError(
                f"{location} is an absolute path; on this bus data is referred to as root/path, "
                f"and the roots are: {_names(roots)}."
            )
        return _resolved(Path(location))
    name, _, rest = location.partition("/")
    if name not in roots:
        raise DatasetUnreachableError(
            f"{location} begins with no known root; the roots are: {_names(roots)}."
        )
    root = _resolved(roots[name])
    path = _resolved(root / rest.lstrip("/"))
    if not path.is_relative_to(root):
        raise DatasetUnreachableError(f"{location} leads out of the root {name!r}.")
    return path


def find(path: Path, table: str = "") -> Source:
    """The files behind a located path, and the `table` if they are a database.

    Raises:
        DatasetUnreachableError: there is no such file, it is empty or unreadable.
        DatasetFormatError: it is in no format that can be read, or has no tables to name.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if table and not path.exists() and (whole := Path(with_table(str(path), table))).exists():
            return find(whole)  # a file whose name happens to look like one with a table
        if not path.exists():
            raise DatasetUnreachableError(f"There is no file {path}: check the path.")
        if not path.is_file():
            raise DatasetUnreachableError(f"{path} is neither a file nor a folder.")
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
        size = path.stat().st_size
    except OSError as error:
        raise DatasetUnreachableError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise DatasetUnreachableError(f"{path} is empty: it has no bytes at all.")
    format = _format(path, head)
    if table and format not in DATABASE_FILES:
        raise DatasetFormatError(f"{path} has no tables: leave out {SEPARATOR}{table}.")
    return Source(
        path=path,
        files=(path,),
        format=format,
        size_bytes=size,
        table=table,
        packing=packing_of(head) if format in ("csv", "json") else None,
    )


def _folder(path: Path) -> Source:
    files = tuple(sorted(file for file in path.rglob("*.parquet") if file.is_file()))
    outside = next((file for file in files if not _resolved(file).is_relative_to(path)), None)
    if outside is not None:
        raise DatasetUnreachableError(f"{outside} is a link that leads out of the folder {path}.")
    if not files:
        raise DatasetUnreachableError(
            f"The folder {path} holds no Parquet files; name a single file to read CSV."
        )
    size = sum(file.stat().st_size for file in files)
    return Source(path=path, files=files, format="parquet", size_bytes=size)


def _format(path: Path, head: bytes) -> Format:
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.startswith(SQLITE_MAGIC):
        return "sqlite"
    if head[8:12] == DUCKDB_MAGIC:
        return "duckdb"
    if head.startswith(ZIP_MAGIC):
        raise DatasetFormatError(
            f"{path} is a ZIP archive or a workbook, so unpack it, or save each sheet as CSV: "
            f"{READABLE}."
        )
    packing, named = packing_of(head), PACKINGS.get(path.suffix.lower())
    known = SUFFIXES.get((path.with_suffix("") if named else path).suffix.lower())
    if named and packing is None:
        raise DatasetFormatError(
            f"{path} is named like a {named} file but is none: name it {path.stem} if it is text."
        )
    if known == "parquet":
        if packing:
            raise DatasetFormatError(
                f"{path} is packed by {packing}: unpack it, since Parquet is compressed already."
            )
        raise DatasetFormatError(f"{path} is named like a Parquet file but is none.")
    if known is None:
        raise DatasetFormatError(f"The format of {path} is not known: {READABLE}.")
    return known


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        raise DatasetUnreachableError(f"{path} cannot be resolved: {error}.") from error
    except UnicodeEncodeError as error:
        raise DatasetUnreachableError("The location is no text that can be a path.") from error


def _names(roots: Mapping[str, Path]) -> str:
    return ", ".join(sorted(roots)) or "none (set CONVENER_DATA to name=path)"
