"""The seam to keys: what this process signs with, and whom it trusts.

Implementations stand in `bus/keyrings/`.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

Asymmetric: TypeAlias = Literal["EdDSA", "ES256", "RS256", "PS256"]
"""Algorithms with which who can check a signature cannot make one."""

Algorithm: TypeAlias = Asymmetric | Literal["HS256"]

ASYMMETRIC: Final[tuple[Asymmetric, ...]] = get_args(Asymmetric)

TokenKind: TypeAlias = Literal["access", "task", "message"]
"""What a token is for: a person's authority, a person's authority narrowed to one task, or the
proof that a service sent a message."""

PERSONS: Final[frozenset[TokenKind]] = frozenset({"access"})
SERVICES: Final[frozenset[TokenKind]] = frozenset({"task", "message"})
ALL: Final[frozenset[TokenKind]] = PERSONS | SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key with what it may be used for; the material is what PyJWT takes for the algorithm.

    `kinds` are the tokens that may be signed with it. `senders` are patterns of the names under
    which whoever holds it may send. `is_local` marks the one key of a single user, who may do
    everything on a bus that is theirs.
    """

    kid: str
    issuer: str
    algorithm: Algorithm
    material: Any = field(repr=False)
    kinds: frozenset[TokenKind]
    senders: tuple[str, ...] = ()
    is_local: bool = False

    def covers(self, sender: str) -> bool:
        """Whether its holder may send under that name."""
        return any(fnmatchcase(sender, pattern) for pattern in self.senders)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Who issues people's tokens: `name` is the `iss` of them, `jwks` a file or a URL."""

    name: str
    jwks: Path | str
    algorithms: tuple[Asymmetric, ...] = ASYMMETRIC


class Keyring(Protocol):
    """The keys that one process has and trusts."""

    @property
    def own(self) -> Key | None:
        """What this process signs with; None if it has nothing to sign with."""
        ...

    async def find(self, *, issuer: str, kid: str) -> Key | None:
        """The trusted key of that issuer; None if there is none, now.

        Raises:
            StoreError: the issuer's keys cannot be had for now.
        """
        ...
