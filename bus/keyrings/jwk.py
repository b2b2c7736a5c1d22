"""One JSON Web Key: judged, turned into what PyJWT takes, and made.

*Guarantees*: no symmetric key, no private part where a public key is wanted, no RSA key below 2048
bits. No error repeats what is in a key.

*Source*: RFC 7517 (JWK); RFC 8037 (Ed25519); RFC 8725, section 3.5 (strength).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import OKPAlgorithm

from bus.errors import UsageError
from bus.keyring import ASYMMETRIC, Asymmetric

Jwk: TypeAlias = Mapping[str, Any]

MIN_RSA_BITS: Final = 2048

_BY_TYPE: Final[Mapping[tuple[str, str], tuple[Asymmetric, ...]]] = MappingProxyType(
    {
        ("OKP", "Ed25519"): ("EdDSA",),
        ("EC", "P-256"): ("ES256",),
        ("RSA", ""): ("RS256", "PS256"),
    }
)
_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "n", "e", "alg", "kid")
_NAME_LENGTH: Final = 200


def key_name(jwk: Jwk) -> str | None:
    """Its `kid`; None if it has none that can be one."""
    kid = jwk.get("kid")
    return kid if isinstance(kid, str) and 0 < len(kid) <= _NAME_LENGTH else None


def algorithm_of(jwk: Jwk, allowed: Sequence[Asymmetric] = ASYMMETRIC) -> Asymmetric | None:
    """What `jwk` is for: what it says itself, else the first that its type allows.

    None if that is not among `allowed`.
    """
    candidates = _BY_TYPE.get((str(jwk.get("kty")), str(jwk.get("crv", ""))), ())
    named = jwk.get("alg")
    for algorithm in allowed:
        if algorithm in candidates and named in (None, algorithm):
            return algorithm
    return None


def refuse_secret(jwk: Jwk, *, where: str) -> None:
    """Raises `UsageError` if `jwk` gives away what signs with it."""
    if jwk.get("kty") == "oct" or "k" in jwk:
        raise UsageError(
            f"{where} holds a symmetric key, with which whoever can check a token can also make "
            "one: use keys that `convener token key` makes."
        )
    if "d" in jwk:
        raise UsageError(
            f"{where} holds a private key: replace that key, of which only the public part belongs "
            "there."
        )


def material(jwk: Jwk, algorithm: Asymmetric, *, where: str) -> Any:
    """The key that `jwk` describes, public or private, as PyJWT takes it.

    Raises:
        UsageError: it is damaged or too weak.
    """
    name = f"The key {key_name(jwk)!r} in {where}"
    try:
        key = jwt.PyJWK(dict(jwk), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise UsageError(f"{name} is damaged: make a new one with `convener token key`.") from None
    if isinstance(key, (RSAPublicKey, RSAPrivateKey)) and key.key_size < MIN_RSA_BITS:
        raise UsageError(
            f"{name} has {key.key_size:,} bits, which is too few for RSA: use {MIN_RSA_BITS:,} or "
            "more, or Ed25519."
        )
    return key


def make_private(kid: str) -> Jwk:
    """A new private key for Ed25519."""
    made = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**made, "alg": "EdDSA", "kid": kid}


def public_part(jwk: Jwk) -> Jwk:
    """What of a private key everybody may know."""
    return {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}
