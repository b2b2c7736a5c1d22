"""`TokenFile`: a person's token in a file, which others renew."""

from pathlib import Path
from typing import Final

from bus.errors import NotPermittedError

_MAX_BYTES: Final = 16 << 10


class TokenFile:
    """Gives the token in `file`, as it is at that moment; reads it only when it has changed.

    That is a few kilobytes of a local file, read while a message is signed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._token = ""

    def __call__(self) -> str:
        """The token.

        Raises:
            NotPermittedError: there is none.
        """
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                with self._file.open("rb") as opened:
                    self._token = opened.read(_MAX_BYTES).decode("ascii").strip()
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as error:
            raise NotPermittedError(
                f"The token in {self._file} cannot be read: name a readable file in "
                "CONVENER_TOKEN_FILE."
            ) from error
        if not self._token:
            raise NotPermittedError(f"The file {self._file} holds no token.")
        return self._token
