"""`Trace`: what happened in a run, one line each, to be read and to be compared."""

import asyncio
from hashlib import sha256


class Trace:
    """Lines of virtual time, who, and what."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: list[tuple[float, str, str, str]] = []

    def note(self, who: str, what: str, detail: str = "") -> None:
        """`who` did `what`."""
        self._lines.append((self._loop.time(), who, what, detail))

    @property
    def text(self) -> str:
        """All lines; seconds first."""
        return "\n".join(
            f"{at:9.3f}  {who:<16} {what:<22} {detail}".rstrip()
            for at, who, what, detail in self._lines
        )

    @property
    def digest(self) -> str:
        """Equal for equal traces."""
        return sha256(self.text.encode()).hexdigest()
