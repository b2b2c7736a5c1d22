"""Authority: on whose behalf a message is handled, what that covers, and who may send what.

*Guarantees*: scopes and data can only be narrowed; what no rule allows is not allowed.

*Not here*: how a token is made and checked (`bus.tokens`), where keys come from (`bus.keyring`).

*Source*: RFC 8693 (delegation: a subject, and who acts for it); RFC 6750 (scopes).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from types import MappingProxyType
from typing import Final

PERMISSIONS: Final = frozenset({"read_data", "execute_queries", "write_data", "admin_operations"})
"""Everything that a tool can need; a principal's scopes are among them."""

EVERY: Final = "*"
"""As a sender: whichever names the key covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, and what they may do. All of it can be narrowed, never widened.

    `actors` act for the subject, the present one first. `datasets` are groups of patterns: data may
    be read whose location matches one of every group. Where its token was made for one message,
    `digest` is that of its body and `message_id` names it; `expires_at` is when all this ends.
    """

    subject: str
    scopes: frozenset[str]
    actors: tuple[str, ...] = ()
    datasets: tuple[tuple[str, ...], ...] = ()
    digest: str = ""
    message_id: str = ""
    expires_at: datetime | None = None

    def may(self, scope: str) -> bool:
        """Whether `scope` is covered."""
        return scope in self.scopes

    def may_read(self, location: str) -> bool:
        """Whether data at `location` may be read; one that climbs (`..`) never may, by a pattern.

        >>> ann = Principal(subject="ann", scopes=frozenset(), datasets=(("sales/*",),))
        >>> [ann.may_read(each) for each in ("sales/a.csv", "staff/a.csv", "sales/../staff/a.csv")]
        [True, False, False]
        """
        if not self.datasets:
            return True
        return ".." not in location.split("/") and all(
            any(fnmatchcase(location, pattern) for pattern in group) for group in self.datasets
        )

    def may_end(self, subject: str) -> bool:
        """Whether what `subject` asked for may be ended: their own, or by an operator anything."""
        return self.subject == subject or self.may("admin_operations")

    def narrowed(self, scopes: Collection[str], *datasets: tuple[str, ...]) -> "Principal":
        """The same subject with only those scopes that are also in `scopes`, and fewer data."""
        return replace(
            self, scopes=self.scopes & frozenset(scopes), datasets=self.datasets + datasets
        )


LOCAL_USER: Final = Principal(subject="local", scopes=PERMISSIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may send one type of message.

    `users` says whether people may, if they hold `scopes`. `services` are the names under which
    services may, `EVERY` for whichever name their key covers. A `delegated` message is sent by a
    service on behalf of a person, whose narrowed authority travels with it.
    """

    users: bool = False
    scopes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    delegated: bool = False

    def lets_service(self, sender: str) -> bool:
        """Whether a service may send it under that name."""
        return EVERY in self.services or sender in self.services


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may send what, by wire name; `default` is for every other type, None to refuse it."""

    by_type: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    default: Rule | None = None

    def of(self, message_type: str) -> Rule | None:
        """The rule of that type; None if nobody may send it."""
        return self.by_type.get(message_type, self.default)


ANYBODY_TRUSTED: Final = Rules(default=Rule(users=True, services=frozenset({EVERY})))
"""For a bus with payloads of one's own: whoever holds a trusted key or token may send anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator grants.

    `roles` maps an issuer's names for what people do to permissions. `agents` caps what is passed
    on with a delegated message, by its topic; `agents_default` is for the other topics. `datasets`
    are the patterns of what each person may read, `EVERY` standing for everybody; None grants all.
    """

    roles: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    agents: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    agents_default: frozenset[str] = frozenset({"read_data", "execute_queries"})
    datasets: Mapping[str, tuple[str, ...]] | None = None

    def granted(self, principal: Principal, roles: Collection[str]) -> Principal:
        """The person of a verified token, with what those roles and the grants make of it."""
        scopes = principal.scopes.union(*(self.roles.get(role, frozenset()) for role in roles))
        granted = replace(principal, scopes=scopes & PERMISSIONS)
        if self.datasets is None:
            return granted
        patterns = (
            *self.datasets.get(principal.subject, ()),
            *self.datasets.get(EVERY, ()),
        )
        return granted.narrowed(PERMISSIONS, patterns)

    def passed_on(self, principal: Principal, topic: str) -> Principal:
        """What of a person's authority goes with a message to the agent at `topic`."""
        return principal.narrowed(self.agents.get(topic, self.agents_default))


def body_digest(body: bytes) -> str:
    """What binds a token to a message: SHA-256 over the event's bytes, in hex."""
    return sha256(body).hexdigest()
