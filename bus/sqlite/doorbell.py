"""`Doorbell`: lets other processes of this machine wake this one, and tells when one is dead.

A doorbell is a datagram socket in a private directory. Ringing is best effort: whoever listens
also looks at the file from time to time. A socket that is there and refuses proves that the process
which bound it has died; one that is missing proves nothing.

*Source*: unix(7), ECONNREFUSED.
"""

import os
import secrets
import socket
import stat
import tempfile
from contextlib import suppress
from hashlib import blake2s
from pathlib import Path
from typing import Final

_LONGEST_PATH: Final = 100
"""Bytes; sun_path holds 104 on some systems."""

_LONGEST_MESSAGE: Final = 4096
_ATTEMPTS: Final = 3


class Ringer:
    """Rings the doorbells of others."""

    def __init__(self) -> None:
        self._socket = _new_socket()

    def ring(self, address: str, message: bytes) -> None:
        """Send `message`, unless nobody is there or too much waits there already."""
        with suppress(OSError):
            self._socket.sendto(message, address)

    def close(self) -> None:
        self._socket.close()


class Doorbell:
    """A socket of this process; `address` is empty where none can be had.

    Opening and closing it touches the file system.
    """

    def __init__(self, path: str) -> None:
        self._socket = _new_socket()
        self.address = self._bind(path)

    def fileno(self) -> int:
        return self._socket.fileno()

    def answer(self) -> list[bytes]:
        """The messages that have come since."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(_LONGEST_MESSAGE))
            except OSError:
                return messages

    def close(self) -> None:
        self._socket.close()
        remove(self.address)

    def _bind(self, path: str) -> str:
        directory = _directory(path)
        address = f"{directory}/{os.getpid()}-{secrets.token_hex(3)}"
        if len(address.encode()) > _LONGEST_PATH:
            return ""
        for _ in range(_ATTEMPTS):
            # Whoever leaves last removes the directory, perhaps just before we bind.
            if _is_private(directory):
                with suppress(OSError):
                    self._socket.bind(address)
                    return address
        return ""


def is_dead(address: str) -> bool:
    """Whether the process that bound `address` has died; False when nobody knows."""
    if not address:
        return False
    with _new_socket() as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def remove(*addresses: str) -> None:
    """Remove what is left of doorbells, and their directory with the last one in it."""
    for address in filter(None, addresses):
        with suppress(OSError):  # others may still be there, or have cleaned up
            Path(address).unlink()
            Path(address).parent.rmdir()


def _new_socket() -> socket.socket:
    created = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    created.setblocking(False)
    return created


def _directory(path: str) -> Path:
    digest = blake2s(os.path.realpath(path).encode(), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir()) / f"convener-{os.getuid()}-{digest}"


def _is_private(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return False
    is_ours = found.st_uid == os.getuid() and stat.S_ISDIR(found.st_mode)
    return is_ours and stat.S_IMODE(found.st_mode) == 0o700
