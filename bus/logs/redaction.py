"""What must not be read in a log is taken out of it, as the last step before it is written.

*Guarantees*: no token, no value of the header that carries one, no private part of a key, no
password in an address and no key of a model's provider is written, wherever in a line it stands:
an event's value, an error's message, a traceback.
"""

import logging
import re
from collections.abc import Callable
from typing import Any, Final

from bus.domain.envelope import TOKEN_HEADER

_QUOTE: Final = r"""(?:\\*["'])?"""
_SECRETS: Final = re.compile(
    rf"""
      (?P<header>{TOKEN_HEADER}{_QUOTE}(?:\s*[:=,]\s*|\s+)(?:b?{_QUOTE})?)(?!<)[^\s"'\\,}}\])]+
    | (?P<member>(?<![A-Za-z0-9_]){_QUOTE}[dk]{_QUOTE}\s*:\s*\\*["'])[A-Za-z0-9_-]{{20,}}
    | (?P<address>[a-z][a-z0-9+.-]*://[^\s/:@"']*:)(?!(?-i:PASSWORD)@)[^\s/"']+(?=@)
    | \bsk-[A-Za-z0-9_-]{{16,}}                               # a key of a model's provider
    | \beyJ[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*){{0,2}}     # a JSON object in base64: {{"…
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACEHOLDER: Final = "<secret>"


def redacted(text: str) -> str:
    """`text` without tokens and keys.

    >>> redacted("refused eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl from ann")
    'refused <secret> from ann'
    """
    return _SECRETS.sub(lambda found: next(filter(None, found.groups()), "") + _PLACEHOLDER, text)


def without_password(url: str) -> str:
    """`url`, or what was meant to be one, as it may be shown.

    >>> without_password("amqp://ann:secret@broker:5672/sales")
    'amqp://broker:5672/sales'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    return f"{scheme}{mark}{rest.partition('?')[0].rpartition('@')[2]}"


def written_without_secrets(
    render: Callable[[Any, str, Any], str | bytes],
) -> Callable[[Any, str, Any], str]:
    """As the last structlog processor: what `render` writes, redacted."""

    def rendered(logger: Any, method: str, event: Any) -> str:
        line = render(logger, method, event)
        return redacted(line if isinstance(line, str) else line.decode())

    return rendered


class RedactingFormatter(logging.Formatter):
    """For libraries that log by the standard library."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))
