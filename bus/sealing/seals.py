"""Seals: signatures of a key over statements that are no tokens, such as a record of the audit.

*Guarantees*: the algorithm is that of the trusted key; a signature is written in one way only.

*Source*: RFC 7518, section 3 (the algorithms), as PyJWT implements them.
"""

import re
from typing import Any, Final

import jwt

from bus.domain.audit import Seal
from bus.errors import UsageError
from bus.keyring import SERVICES, Key

_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")


def seal(statement: bytes, key: Key) -> Seal:
    """The signature of `key` over `statement`.

    Raises:
        UsageError: the key's material does not fit its algorithm.
    """
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    signature = algorithm.sign(statement, _prepared(algorithm, key))
    return Seal(issuer=key.issuer, kid=key.kid, signature=signature.hex())


def is_sealed(statement: bytes, seal: Seal, key: Key, *, name: str) -> bool:
    """Whether `seal` is the signature of `key`, and the key is one of a service of that name."""
    if not (key.kinds & SERVICES and key.covers(name) and _HEX.fullmatch(seal.signature)):
        return False
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    return algorithm.verify(statement, _prepared(algorithm, key), bytes.fromhex(seal.signature))


def _prepared(algorithm: Any, key: Key) -> Any:
    try:
        return algorithm.prepare_key(key.material)
    except (jwt.InvalidKeyError, ValueError, TypeError) as error:
        raise UsageError(f"The key {key.kid!r} does not fit {key.algorithm}.") from error
