"""`LocalKeyring`: one key in a file of one user, made when it is first needed.

*Guarantees*: the file is this user's alone (0600) from its first byte; of many processes that start
at once all have the same key; a key that others could read or that is too short is not used.
"""

import errno
import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from bus.errors import StoreFullError, UsageError
from bus.keyring import ALL, Key

ISSUER: Final = "convener:local"
LENGTH: Final = 32
"""Bytes of a key for HMAC with SHA-256 (RFC 7518, section 3.2)."""


class LocalKeyring:
    """Signs with, and trusts, the key in `file` alone."""

    def __init__(self, file: Path) -> None:
        self._key = Key(
            kid="local",
            issuer=ISSUER,
            algorithm="HS256",
            material=_read_or_make(file),
            kinds=ALL,
            senders=("*",),
            is_local=True,
        )

    @property
    def own(self) -> Key | None:
        return self._key

    async def find(self, *, issuer: str, kid: str) -> Key | None:
        is_ours = issuer == self._key.issuer and kid == self._key.kid
        return self._key if is_ours else None


def _read_or_make(file: Path) -> bytes:
    """The key in `file`.

    Raises:
        UsageError: it cannot be made or read, is damaged, or others may read it.
        StoreFullError: there is no room for it.
    """
    try:
        if not file.exists():
            _make(file)
        if file.stat().st_mode & 0o077:
            raise UsageError(f"Others may read the key {file}: run `chmod 600 {file}`.")
        key = file.read_bytes()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(
                f"There is no room for the key {file}: free some room and try again."
            ) from error
        raise UsageError(
            f"The key {file} cannot be used ({error.strerror}): have the bus in a folder where you "
            "may read and write."
        ) from error
    if len(key) < LENGTH:
        raise UsageError(f"The key {file} is damaged: delete it, and a new one is made.")
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=file.parent, delete=False) as whole:
        try:
            whole.write(secrets.token_bytes(LENGTH))
            whole.flush()
            os.link(whole.name, file)  # unlike a rename it does not replace another's key
        except FileExistsError:
            return
        finally:
            Path(whole.name).unlink()
