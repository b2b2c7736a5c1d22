"""Keys and tokens as a test wants them, sound and forged."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bus.keyring import Key
from bus.keyrings.jwk import Jwk, make_private, public_part

ISSUER = "https://people.example"


class Keys:
    """A keyring of the keys it is given."""

    def __init__(self, own: Key | None, *trusted: Key) -> None:
        self.own = own
        self._trusted = {(key.issuer, key.kid): key for key in trusted}

    async def find(self, *, issuer: str, kid: str) -> Key | None:
        return self._trusted.get((issuer, kid))


def pair(kid: str, *, issuer: str = ISSUER, **details: Any) -> tuple[Key, Key]:
    """A key to sign with and the one that checks it, for Ed25519."""
    private = make_private(kid)
    common = {"kid": kid, "issuer": issuer, "algorithm": "EdDSA", **details}
    return (
        Key(material=jwt.PyJWK(dict(private)).key, **common),
        Key(material=jwt.PyJWK(dict(public_part(private))).key, **common),
    )


def rsa_jwk(kid: str, *, bits: int = 2048) -> Jwk:
    """A private RSA key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": kid}


def ec_jwk(kid: str, curve: ec.EllipticCurve | None = None) -> Jwk:
    """A private key on P-256, or on another curve."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    return {**ECAlgorithm.to_jwk(key, as_dict=True), "kid": kid}


def write_set(file: Path, *keys: Jwk) -> Path:
    """A key set with the public parts of `keys`."""
    public = [
        {**public_part(key), **{name: key[name] for name in ("senders", "kinds") if name in key}}
        for key in keys
    ]
    file.write_text(json.dumps({"keys": public}))
    return file


def write_private(file: Path, key: Jwk) -> Path:
    """A private key that only its user can read."""
    file.touch(0o600)
    file.write_text(json.dumps(key))
    return file


def forged(
    header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str, sign: Callable[[bytes], bytes]
) -> str:
    """A token that says just that; text is taken as it is."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signing_input = b".".join(encoded(part.encode()) for part in parts)
    return b".".join((signing_input, encoded(sign(signing_input)))).decode()


def encoded(raw: bytes) -> bytes:
    """Base64 as tokens have it."""
    return urlsafe_b64encode(raw).rstrip(b"=")
