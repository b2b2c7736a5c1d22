"""From the text of a JSON Web Key Set to keys: those of services, or of one issuer of tokens.

A service's key says besides what RFC 7517 knows under which names it may send (`senders`, patterns)
and which tokens it may sign (`kinds`: `message`, and for an orchestrator `task`).

*Guarantees*: a set that gives a secret away, names a key twice or holds a weak one gives no keys.
What an issuer uses for something else (encryption, other algorithms) is passed over.

*Source*: RFC 7517, section 5.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from bus.errors import UsageError
from bus.keyring import ASYMMETRIC, PERSONS, SERVICES, Asymmetric, Key, TokenKind
from bus.keyrings.jwk import Jwk, algorithm_of, key_name, material, refuse_secret

KeySet: TypeAlias = Mapping[str, Key]
Parser: TypeAlias = Callable[[bytes], KeySet]

SERVICES_ISSUER: Final = "convener:services"
"""As `iss`: a service, which signs with a key of its own."""

MAX_BYTES: Final = 256 << 10
MAX_KEYS: Final = 1000
_DEFAULT_KINDS: Final = ("message",)


def service_keys(text: bytes, *, where: str) -> KeySet:
    """The keys of services, by `kid`.

    Raises:
        UsageError: the set is damaged, or one of its keys cannot be trusted.
    """
    keys: dict[str, Key] = {}
    for jwk in listed(text, where=where):
        kid = _named(jwk, keys, where=where)
        algorithm = algorithm_of(jwk)
        if algorithm is None:
            raise UsageError(
                f"The key {kid!r} in {where} is for no algorithm that is accepted here: use one of "
                f"{', '.join(ASYMMETRIC)}."
            )
        keys[kid] = Key(
            kid=kid,
            issuer=SERVICES_ISSUER,
            algorithm=algorithm,
            material=material(jwk, algorithm, where=where),
            kinds=_kinds(jwk, kid, where=where),
            senders=_senders(jwk, kid, where=where),
        )
    return keys


def issuer_keys(
    text: bytes, *, issuer: str, algorithms: Sequence[Asymmetric], where: str
) -> KeySet:
    """The keys with which `issuer` signs people's tokens, by `kid`.

    Raises:
        UsageError: the set is damaged, or gives a secret away.
    """
    keys: dict[str, Key] = {}
    for jwk in listed(text, where=where):
        algorithm = algorithm_of(jwk, algorithms)
        if algorithm is None or key_name(jwk) is None or jwk.get("use", "sig") != "sig":
            continue
        kid = _named(jwk, keys, where=where)
        keys[kid] = Key(
            kid=kid,
            issuer=issuer,
            algorithm=algorithm,
            material=material(jwk, algorithm, where=where),
            kinds=PERSONS,
        )
    return keys


def listed(text: bytes, *, where: str) -> Sequence[Jwk]:
    """The members of a set, none of which is secret.

    Raises:
        UsageError: it is no set of public keys.
    """
    try:
        document: Any = json.loads(text) if len(text) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(jwk, dict) for jwk in keys):
        raise UsageError(
            f'{where} is no set of keys: it is JSON of the form {{"keys": [...]}} of at most '
            f"{MAX_BYTES >> 10} KiB, as `convener token key` writes it."
        )
    if len(keys) > MAX_KEYS:
        raise UsageError(f"{where} has more than {MAX_KEYS:,} keys: remove what is not in use.")
    for jwk in keys:
        refuse_secret(jwk, where=where)
    return keys


def _named(jwk: Jwk, others: KeySet, *, where: str) -> str:
    kid = key_name(jwk)
    if kid is None:
        raise UsageError(f"A key in {where} has no name: give it a 'kid'.")
    if kid in others:
        raise UsageError(f"{where} has two keys named {kid!r}: remove one or rename it.")
    return kid


def _kinds(jwk: Jwk, kid: str, *, where: str) -> frozenset[TokenKind]:
    kinds = jwk.get("kinds", _DEFAULT_KINDS)
    known = {str(kind): kind for kind in SERVICES}
    if isinstance(kinds, (list, tuple)) and kinds and all(str(kind) in known for kind in kinds):
        return frozenset(known[str(kind)] for kind in kinds)
    raise UsageError(
        f"'kinds' of the key {kid!r} in {where} is a list of 'message' and 'task'; tokens of "
        "people are signed by an issuer."
    )


def _senders(jwk: Jwk, kid: str, *, where: str) -> tuple[str, ...]:
    senders = jwk.get("senders", [])
    if isinstance(senders, list) and all(isinstance(each, str) and each for each in senders):
        return tuple(senders)
    raise UsageError(f"'senders' of the key {kid!r} in {where} is a list of names or patterns.")
