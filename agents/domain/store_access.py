"""Who else may read, or change, what is analysed, where it is kept."""

from typing import Literal, TypeAlias

from agents.domain.finding import Part


class FileAccess(Part):
    """What users of the machine may do who are neither the owner nor of the group of a file.

    `mode` is that of the file in octal digits, of several files that of the most open one. All
    others are false where a folder above keeps these users out; `is_replaceable` says that they may
    write into the folder, and so put another file in its place.
    """

    store: Literal["file"] = "file"
    mode: str
    is_readable: bool
    is_writable: bool
    is_replaceable: bool


class TableAccess(Part):
    """What a PostgreSQL server permits, as the connecting `role` sees it.

    `public_…` are the privileges that every role has, by their SQL names. `policies` counts those
    of row security. `is_local` says that the connection does not leave the machine. `md5_roles`
    counts the roles whose password is kept as MD5, None where that cannot be read;
    `lasting_roles` those that sign in, and whose password never expires.
    """

    store: Literal["postgresql"] = "postgresql"
    database: str
    role: str
    is_superuser: bool
    is_owner: bool
    may_write: bool
    bypasses_row_security: bool
    public_table: tuple[str, ...]
    public_schema: tuple[str, ...]
    public_database: tuple[str, ...]
    has_row_security: bool
    is_forced: bool
    policies: int
    is_encrypted: bool
    is_local: bool
    password_method: str
    md5_roles: int | None
    lasting_roles: int


StoreAccess: TypeAlias = FileAccess | TableAccess
