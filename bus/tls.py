"""Whom to trust on an encrypted connection, as a URL says it: `amqps://` and `rediss://` alike.

| in the URL | meaning |
|---|---|
| `cafile` | a file with the certificates of those to trust, in place of the machine's |
| `certfile`, `keyfile` | our own certificate, for a server that asks for one, and its key |

*Guarantees*: a server's certificate, and that it is for the name in the URL, is always checked.

*Source*: RFC 9325 (TLS 1.2 and later).
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bus.errors import UsageError

ENCRYPTED: Final = frozenset({"amqps", "rediss"})

_FILES: Final = ("cafile", "certfile", "keyfile")
_REFUSED: Final = frozenset({"no_verify_ssl", "cadata", "capath", "ssl"})
_REFUSED_PREFIX: Final = "ssl_"

_EXPIRED: Final = frozenset({10, 12})
_NOT_YET_VALID: Final = frozenset({9, 11})
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 24})
_OTHER_NAME: Final = frozenset({62, 63, 64})
"""What OpenSSL's `x509_verify_cert_error_string` calls those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Paths; what is None is left to the machine, or not presented."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def with_files(url: str, files: TlsFiles) -> str:
    """`url`, which names `files` where it is encrypted and names none of its own."""
    if urlsplit(url).scheme not in ENCRYPTED:
        return url
    given = dict(parse_qsl(urlsplit(url).query))
    paths = (files.authority, files.certificate, files.key)
    added = {
        name: str(path)
        for name, path in zip(_FILES, paths, strict=True)
        if path is not None and name not in given
    }
    if not added:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(added, quote_via=quote)}"


def split_files(url: str) -> tuple[str, TlsFiles | None]:
    """`url` without the names of files, and those; None where it is not encrypted.

    Raises:
        UsageError: it names files without being encrypted, or asks that something be not checked.
    """
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    for name, _ in given:
        if name in _REFUSED or name.startswith(_REFUSED_PREFIX):
            raise UsageError(
                f"Take {name!r} out of the URL: certificates are always checked, by the file that "
                "'cafile' names or CONVENER_CA."
            )
        if name in _FILES and parts.scheme not in ENCRYPTED:
            raise UsageError(
                f"The URL names a {name!r} but is not encrypted: write {parts.scheme}s:// for it."
            )
    if parts.scheme not in ENCRYPTED:
        return url, None
    files = {name: Path(value) for name, value in given if name in _FILES}
    others = [(name, value) for name, value in given if name not in _FILES]
    return parts._replace(query=urlencode(others)).geturl(), TlsFiles(
        authority=files.get("cafile"),
        certificate=files.get("certfile"),
        key=files.get("keyfile"),
    )


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """What connections are opened with; reads `files`.

    Raises:
        UsageError: one of them cannot be used.
    """
    authority = files.authority
    with _usable(authority or "the machine's certificates", "the certificate of an authority"):
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    if files.certificate is not None:
        with _usable(files.certificate, "a certificate with its key, or with one in 'keyfile'"):
            context.load_cert_chain(
                str(files.certificate), None if files.key is None else str(files.key), password=""
            )
    return context


def tls_problem(error: BaseException, host: str) -> str | None:
    """Why no encrypted connection to `host` came about, and what to check; None if TLS is fine."""
    found = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
    match found:
        case None:
            return None
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_NAME:
            return f"its certificate is not for the name {host!r}. Is that its name?"
        case ssl.SSLCertVerificationError(verify_code=code) if code in _EXPIRED:
            return "its certificate has expired: it needs a new one."
        case ssl.SSLCertVerificationError(verify_code=code) if code in _NOT_YET_VALID:
            return "its certificate is not valid yet. Are the clocks right?"
        case ssl.SSLCertVerificationError(verify_code=code) if code in _UNTRUSTED:
            return (
                "its certificate is by nobody who is trusted here. Set CONVENER_CA to the file of "
                "its authority's certificate."
            )
        case ssl.SSLCertVerificationError(verify_message=message):
            return f"its certificate cannot be trusted ({message})."
        case ssl.SSLError(reason=str(reason)) if "CERTIFICATE" in reason or "ALERT" in reason:
            return (
                f"it refused our certificate, or that we have none ({reason}). Set "
                "CONVENER_CERTIFICATE and CONVENER_CERTIFICATE_KEY."
            )
        case _:
            reason = getattr(found, "reason", None) or str(found)
            return f"TLS failed ({reason}). Is this the TLS port?"


@contextmanager
def _usable(file: Path | str, content: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise UsageError(f"{file} is no file with {content}.") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, each once: errors that are raised again can form a ring."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
