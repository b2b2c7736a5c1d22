"""One GET of a small document, from exactly the server that was named.

*Guarantees*: no redirect is followed, no proxy used, nothing sent that signs in. In the clear only
to this machine.
"""

import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from bus.errors import KeysUnavailableError, UsageError

TIMEOUT: Final = 5.0
"""Seconds for everything."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BLOCK_BYTES: Final = 1 << 14


def check_url(url: str) -> None:
    """Raises `UsageError` unless keys may be fetched from `url`."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(f"{url!r} is no URL of keys: use https://HOST/PATH.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError("Keys are fetched from https://HOST/PATH, without a user or a password.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(f"Keys from {url!r} could be replaced on their way: use https.")


def fetched(url: str, *, limit: int) -> bytes:
    """What stands at `url`, up to `limit` bytes.

    Raises:
        KeysUnavailableError: it cannot be had now.
    """
    parts = urlsplit(url)
    end = time.monotonic() + TIMEOUT
    connection = (
        HTTPSConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    )
    try:
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request(
            "GET", target, headers={"Accept": "application/json", "User-Agent": "convener"}
        )
        with connection.getresponse() as response:
            if response.status != 200:
                raise _failed(url, f"the answer has HTTP status {response.status}")
            body = bytearray()
            while block := response.read1(_BLOCK_BYTES):
                body += block
                if len(body) > limit:
                    raise _failed(url, f"the answer has more than {limit >> 10} KiB")
                if time.monotonic() > end:
                    raise _failed(url, f"the answer takes more than {TIMEOUT:g} s")
            return bytes(body)
    except (OSError, HTTPException, ValueError) as error:
        raise _failed(url, str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _failed(url: str, reason: str) -> KeysUnavailableError:
    return KeysUnavailableError(f"The keys at {url} cannot be had: {reason}.")
