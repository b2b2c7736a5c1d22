"""Files of keys: a private key is made and read, its public part joins a set.

*Guarantees*: a private key is its user's alone (0600) from its first byte, and none is overwritten;
a set is replaced as a whole, so that no reader meets half of one, and of two who add at once both
are in it.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from bus.errors import UsageError
from bus.keyring import PERSONS, SERVICES, Key
from bus.keyrings.jwk import Jwk, algorithm_of, key_name, make_private, material, public_part
from bus.keyrings.key_set import MAX_BYTES, SERVICES_ISSUER, listed

_PUBLIC_MODE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A key that signs, and the file it stands in."""

    key: Key
    file: Path

    def is_half_of(self, public: Key) -> bool:
        """Whether `public` is its other half."""
        return bool(self.key.material.public_key() == public.material)


def read_private(file: Path) -> PrivateKey:
    """The private key in `file`; it is a service's unless it names an `issuer`.

    Raises:
        UsageError: it cannot be read, others may read it too, or it is no key to sign with.
    """
    try:
        with file.open("rb") as opened:
            if not _is_private(os.fstat(opened.fileno())):
                raise UsageError(f"Others may read the key {file}: run `chmod 600 {file}`.")
            text = opened.read(MAX_BYTES)
    except OSError as error:
        raise UsageError(
            f"The key {file} cannot be read: {error.strerror}. `convener token key` makes one."
        ) from error
    try:
        jwk = json.loads(text)
    except (ValueError, RecursionError):
        jwk = None
    kid = key_name(jwk) if isinstance(jwk, dict) else None
    algorithm = algorithm_of(jwk) if kid is not None else None
    issuer = jwk.get("issuer", SERVICES_ISSUER) if kid is not None else ""
    if kid is None or algorithm is None or "d" not in jwk or not isinstance(issuer, str):
        raise UsageError(
            f"{file} holds no private key with a 'kid' for an algorithm that is accepted here: "
            "make one with `convener token key`."
        )
    key = Key(
        kid=kid,
        issuer=issuer,
        algorithm=algorithm,
        material=material(jwk, algorithm, where=str(file)),
        kinds=SERVICES if issuer == SERVICES_ISSUER else PERSONS,
    )
    return PrivateKey(key=key, file=file)


def _is_private(file: os.stat_result) -> bool:
    """Whether only its owner may use it, or it is mounted by root for a group of this process.

    *Source*: the rule of PostgreSQL's `ssl_key_file`.
    """
    shared = 0o037 if file.st_uid == 0 != os.geteuid() else 0o077
    return not file.st_mode & shared


def make_service_key(
    file: Path, services: Path, *, name: str, senders: Sequence[str], kinds: Sequence[str]
) -> None:
    """Make the key of a service and tell the others: its public part joins `services`.

    Raises:
        UsageError: `file` or a key of that name is there already, or nothing can be written.
    """
    private = make_private(name)
    _make(file, private, services, {"senders": list(senders), "kinds": list(kinds)})


def make_issuer_key(file: Path, jwks: Path, *, name: str, issuer: str) -> None:
    """Make a key that signs people's tokens as `issuer`; its public part joins `jwks`.

    Raises:
        UsageError: `file` or a key of that name is there already, or nothing can be written.
    """
    _make(file, {**make_private(name), "issuer": issuer}, jwks, {})


def drop_key(jwks: Path, *, name: str) -> None:
    """Trust the key no more: take it out of `jwks`.

    Raises:
        UsageError: it is not in there, or the file cannot be written.
    """
    with _writing(jwks):
        keys = _listed(jwks)
        kept = [jwk for jwk in keys if jwk.get("kid") != name]
        if len(kept) == len(keys):
            raise UsageError(f"There is no key named {name!r} in {jwks}.")
        _replace(jwks, kept)


def _make(file: Path, private: Jwk, jwks: Path, granted: dict[str, Any]) -> None:
    with _writing(jwks):
        keys = _listed(jwks)
        if any(jwk.get("kid") == private["kid"] for jwk in keys):
            raise UsageError(
                f"{jwks} already has a key named {private['kid']!r}: choose another name."
            )
        _write_private(file, private)
        try:
            _replace(jwks, [*keys, {**public_part(private), **granted}])
        except BaseException:
            file.unlink()
            raise


@contextmanager
def _writing(jwks: Path) -> Iterator[None]:
    """Nobody else writes in that folder by this way; what goes wrong is told in one sentence."""
    try:
        folder = os.open(jwks.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise UsageError(
            f"The key cannot be written to {error.filename or jwks}: {error.strerror}."
        ) from error


def _listed(jwks: Path) -> Sequence[Jwk]:
    try:
        return listed(jwks.read_bytes(), where=str(jwks))
    except FileNotFoundError:
        return ()


def _write_private(file: Path, private: Jwk) -> None:
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} is there already, and keys are not overwritten.") from None
    with os.fdopen(opened, "w", encoding="ascii") as written:
        written.write(_text(private))
        written.flush()
        os.fsync(written.fileno())


def _replace(jwks: Path, keys: Sequence[Jwk]) -> None:
    whole = jwks.resolve()
    mode = whole.stat().st_mode & 0o777 if whole.exists() else _PUBLIC_MODE
    with NamedTemporaryFile("w", dir=whole.parent, encoding="ascii", delete=False) as written:
        try:
            written.write(_text({"keys": list(keys)}))
            written.flush()
            os.fsync(written.fileno())
            Path(written.name).chmod(mode)
            Path(written.name).replace(whole)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(written.name).unlink()
            raise


def _text(document: Jwk) -> str:
    return json.dumps(document, indent=2) + "\n"
