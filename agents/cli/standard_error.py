"""Standard error for loggers that are set up once and may write while something is drawn there."""

import sys
from abc import ABC, abstractmethod
from typing import TextIO


class StandIn(ABC):
    """What takes the place of `sys.stderr` for a while, to write what it is given elsewhere."""

    @abstractmethod
    def write(self, text: str) -> int: ...

    @abstractmethod
    def flush(self) -> None: ...


class StandardError:
    """Passes what it is given to `stream`, or to what stands in for standard error now."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()

    @property
    def _out(self) -> TextIO | StandIn:
        return sys.stderr if isinstance(sys.stderr, StandIn) else self._stream
