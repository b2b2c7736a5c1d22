"""Where key sets come from: a file that is read again when it changes, or a URL.

*Guarantees*: a key that is removed from a file is trusted for about a second more; a file that is
damaged or gone gives no keys until it is mended. A URL is asked at most every 30 seconds, whatever
keys the tokens name; while it does not answer, what it gave is trusted for a day.

*Source*: RFC 8725, section 3.10 (what a token says of its key is not to be trusted).
"""

import asyncio
import math
import os
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import structlog

from bus.clock import Clock
from bus.errors import KeysUnavailableError, UsageError
from bus.keyrings.fetching import TIMEOUT, check_url, fetched
from bus.keyrings.key_set import MAX_BYTES, KeySet, Parser
from bus.keyrings.off_loop import off_loop

CHECK_INTERVAL: Final = 1.0
"""Seconds for which a file is taken to be unchanged."""

LIFESPAN: Final = 300.0
"""Seconds after which a URL is asked again."""

COOLDOWN: Final = 30.0
"""Seconds between two questions to a URL, so that made-up names of keys cause no flood."""

STALE_LIFESPAN: Final = 24 * 3600.0
"""Seconds for which keys outlive an outage of their URL. A key that is withdrawn meanwhile stays
trusted so long: shorter would stop the bus with every longer outage of an identity provider."""

_Stamp: TypeAlias = tuple[int, int, int]

_log = structlog.get_logger(__name__)


class KeySource(Protocol):
    """Gives the keys of one issuer."""

    async def keys(self, kid: str) -> KeySet:
        """All of them, as new as is needed to know `kid`.

        Raises:
            KeysUnavailableError: they cannot be had for now.
        """
        ...


class KeyFile:
    """The key set in `file`, which is read at once.

    Raises:
        UsageError: it cannot be read, or not be trusted.
    """

    def __init__(self, file: Path, parse: Parser, *, clock: Clock) -> None:
        self._file = file
        self._parse = parse
        self._clock = clock
        self._checked_at = clock.monotonic()
        self._stamp, self._keys = self._read()

    @property
    def first(self) -> KeySet:
        """The keys as they were last read."""
        return self._keys

    async def keys(self, kid: str) -> KeySet:
        now = self._clock.monotonic()
        if kid not in self._keys or now - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = now  # whoever comes meanwhile need not look as well
            try:
                read = partial(self._read, (self._stamp, self._keys))
                self._stamp, self._keys = await off_loop(read, timeout=TIMEOUT)
            except (KeysUnavailableError, UsageError) as error:
                self._checked_at = -math.inf
                raise KeysUnavailableError(str(error)) from error
        return self._keys

    def _read(self, known: tuple[_Stamp, KeySet] | None = None) -> tuple[_Stamp, KeySet]:
        try:
            with self._file.open("rb") as opened:
                status = os.fstat(opened.fileno())
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                if known is not None and known[0] == stamp:
                    return known
                text = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise UsageError(
                f"The keys in {self._file} cannot be read: {error.strerror}. `convener token key` "
                "makes such a file."
            ) from error
        return stamp, self._parse(text)


class KeyUrl:
    """The key set at `url`, which is fetched when it is needed.

    Raises:
        UsageError: keys from there could not be trusted.
    """

    def __init__(self, url: str, parse: Parser, *, clock: Clock) -> None:
        check_url(url)
        self._url = url
        self._parse = parse
        self._clock = clock
        self._keys: KeySet = MappingProxyType({})
        self._fetched_at = self._tried_at = -math.inf
        self._failure = ""
        self._fetching = asyncio.Lock()

    async def keys(self, kid: str) -> KeySet:
        if self._is_due(kid):
            async with self._fetching:
                if self._is_due(kid):
                    await self._fetch()
        is_too_old = self._clock.monotonic() - self._fetched_at >= STALE_LIFESPAN
        if self._failure and (is_too_old or kid not in self._keys):
            raise KeysUnavailableError(self._failure)
        return self._keys

    def _is_due(self, kid: str) -> bool:
        now = self._clock.monotonic()
        is_wanting = kid not in self._keys or now - self._fetched_at >= LIFESPAN
        return is_wanting and now - self._tried_at >= COOLDOWN

    async def _fetch(self) -> None:
        fetch = partial(fetched, self._url, limit=MAX_BYTES)
        try:
            self._keys = self._parse(await off_loop(fetch, timeout=TIMEOUT))
        except (KeysUnavailableError, UsageError) as error:
            self._failure = str(error)
            _log.warning("bus.keys.unavailable", url=self._url, error=self._failure)
        else:
            self._fetched_at = self._clock.monotonic()
            self._failure = ""
        self._tried_at = self._clock.monotonic()
