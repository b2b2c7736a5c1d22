"""Tokens: made and checked with PyJWT.

| `typ` | made by | says | bound to |
|---|---|---|---|
| `at+jwt` | an identity provider, an operator | what a person may do | a body, if it names one |
| `convener-task+jwt` | the orchestrator | what its agent may do for them | topic, body, deadline |
| `convener-message+jwt` | any service | that it sent a message | sender, body |

*Guarantees*: an algorithm is that of the trusted key and never the token's choice; `iss aud exp iat
sub jti` must be there; a token of one kind is never taken for another; a token that names a body
holds for that body alone.

*Source*: RFC 7519; RFC 8725 (best practices); RFC 9068 (`at+jwt`); RFC 8693, section 4.1 (`act`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import jwt

from bus.clock import Clock
from bus.domain.authority import Principal
from bus.errors import NotPermittedError
from bus.keyring import Key, Keyring, TokenKind

TYPES: Final[Mapping[TokenKind, str]] = {
    "access": "at+jwt",
    "task": "convener-task+jwt",
    "message": "convener-message+jwt",
}
REQUIRED: Final = ("iss", "aud", "exp", "iat", "sub", "jti")
LEEWAY: Final = 10.0
"""Seconds by which the clocks of two machines may differ."""
MESSAGE_LIFETIME: Final = 30 * 24 * 3600.0
"""Seconds for which a service's proof holds for a message without a deadline: as long as that may
reasonably wait in a queue. The proof is good for nothing but this one message."""
MAX_LENGTH: Final = 8192
"""Characters of a token; longer ones are refused unread."""
MAX_ACTORS: Final = 8
_END_OF_TIME: Final = 2.0**37
"""As an instant (the year 6325); far later ones no calendar here knows."""

_KINDS: Final = {name: kind for kind, name in TYPES.items()}
_READER: Final = jwt.PyJWT(options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says: `principal` for whom, made of which `kind` with which `key`.

    `roles` are the issuer's names for what the person may do; `id` names the token.
    """

    kind: TokenKind
    key: Key
    principal: Principal
    id: str
    roles: tuple[str, ...] = ()


class Tokens:
    """Issues tokens with the keyring's own key, and verifies those of whom it trusts."""

    def __init__(self, keyring: Keyring, *, clock: Clock, audience: str = "convener") -> None:
        self._keyring = keyring
        self._clock = clock
        self._audience = audience

    @property
    def own(self) -> Key | None:
        """What this process signs with."""
        return self._keyring.own

    async def trusted(self, *, issuer: str, kid: str) -> Key | None:
        """The trusted key of that issuer; raises as `Keyring.find` does."""
        return await self._keyring.find(issuer=issuer, kid=kid)

    def access(
        self,
        principal: Principal,
        *,
        lifetime: float,
        roles: Sequence[str] = (),
        digest: str = "",
    ) -> str:
        """A person's token, for `lifetime` seconds; for the one body of `digest` if that is given.

        Raises:
            NotPermittedError: the key at hand may not sign tokens of persons.
        """
        return self._issue(
            "access",
            principal.subject,
            audience=self._audience,
            expires_at=self._clock.now() + timedelta(seconds=lifetime),
            scope=" ".join(sorted(principal.scopes)),
            **_given(roles=list(roles), datasets=_lists(principal.datasets), digest=digest),
        )

    def task(
        self, principal: Principal, *, actor: str, topic: str, digest: str, expires_at: datetime
    ) -> str:
        """The principal's authority for the one message of `digest` to `topic`.

        Raises:
            NotPermittedError: the key at hand may not sign them.
        """
        actors = (actor, *principal.actors)[:MAX_ACTORS]
        return self._issue(
            "task",
            principal.subject,
            audience=topic,
            expires_at=expires_at,
            scope=" ".join(sorted(principal.scopes)),
            act=_nested(actors),
            digest=digest,
            **_given(datasets=_lists(principal.datasets)),
        )

    def message(self, sender: str, *, digest: str, expires_at: datetime | None = None) -> str:
        """The proof that `sender` sent the message of `digest`.

        Raises:
            NotPermittedError: the key at hand may not sign them.
        """
        return self._issue(
            "message",
            sender,
            audience=self._audience,
            expires_at=expires_at or self._clock.now() + timedelta(seconds=MESSAGE_LIFETIME),
            digest=digest,
        )

    def worth_sending(self, token: str) -> str:
        """Somebody's `token` itself; whether it is trusted is for others to say.

        Raises:
            NotPermittedError: it is no token, or has expired.
        """
        _, claims = unverified(token)
        self._check_times(claims, None)
        return token

    async def verify(
        self, token: str, *, topic: str, digest: str, at: datetime | None = None
    ) -> Claims:
        """What `token` says, which came with the body of `digest` to `topic`.

        Whether it has expired is judged as of `at`, if that lies in the past.

        Raises:
            NotPermittedError: it is not to be trusted, or not for this message; says why.
            StoreError: the keys of its issuer cannot be had for now.
        """
        header, issuer = _glanced(token)
        kind = _KINDS.get(str(header.get("typ", "")).lower().removeprefix("application/"))
        if kind is None:
            raise NotPermittedError("The token is of no kind that is accepted here.")
        key = await self._keyring.find(issuer=issuer, kid=str(header.get("kid", "")))
        if key is None:
            raise NotPermittedError(
                f"The token was issued by {issuer[:80]!r} with the key "
                f"{str(header.get('kid', ''))[:80]!r}, which is not trusted here."
            )
        if kind not in key.kinds:
            raise NotPermittedError(f"The issuer {key.issuer!r} may not issue such tokens.")
        claims = self._decoded(token, key, topic if kind == "task" else self._audience)
        self._check_times(claims, at)
        principal = _principal(claims, kind)
        if kind == "access" and not principal.digest:
            return _claims(kind, key, principal, claims)
        if principal.digest != digest:
            raise NotPermittedError("The token was made for another message.")
        return _claims(kind, key, principal, claims)

    def _issue(
        self, kind: TokenKind, subject: str, *, audience: str, expires_at: datetime, **claims: Any
    ) -> str:
        key = self._keyring.own
        if key is None or kind not in key.kinds:
            raise NotPermittedError(
                "This process has no key that may sign it: set CONVENER_KEY to one that may, or "
                "CONVENER_TOKEN to a token made for you by `convener token issue`."
            )
        now = self._clock.now()
        payload = {
            "iss": key.issuer,
            "aud": audience,
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()) + 1,
            "jti": uuid4().hex,
            **claims,
        }
        return _READER.encode(
            payload,
            key.material,
            algorithm=key.algorithm,
            headers={"kid": key.kid, "typ": TYPES[kind]},
        )

    def _decoded(self, token: str, key: Key, audience: str) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = _READER.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                issuer=key.issuer,
                audience=audience,
                leeway=LEEWAY,
                options={
                    "require": list(REQUIRED),
                    "strict_aud": key.kinds != {"access"},
                    "verify_exp": False,  # below, by the clock that was given
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise NotPermittedError(f"The token is not valid: {error}.") from error
        except (ValueError, TypeError) as error:
            raise NotPermittedError("The token cannot be read.") from error
        return claims

    def _check_times(self, claims: Mapping[str, Any], at: datetime | None) -> None:
        now = self._clock.now().timestamp()
        as_of = now if at is None else min(now, at.timestamp())
        ends, issued, begins = (_instant(claims, name) for name in ("exp", "iat", "nbf"))
        if as_of >= ends + LEEWAY:
            ended = datetime.fromtimestamp(ends, UTC)
            raise NotPermittedError(
                f"The token expired at {ended:%Y-%m-%d %H:%M:%S} UTC: send the message again with "
                "a new one."
            )
        if max(issued, begins) > now + LEEWAY:
            raise NotPermittedError("The token is not valid yet: compare the machines' clocks.")


def unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims of a token as they stand, for people to look at; nothing is checked.

    Raises:
        NotPermittedError: it is no token at all.
    """
    header, _ = _glanced(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    return header, claims


def _glanced(token: str) -> tuple[Mapping[str, Any], str]:
    """The header and who claims to be the issuer, to find the key by; neither is trusted yet."""
    if len(token) > MAX_LENGTH:
        raise NotPermittedError(f"The token is longer than {MAX_LENGTH:,} characters.")
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
        raise NotPermittedError("The token cannot be read.") from error
    return header, str(claims.get("iss", ""))


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        value = -1
    if not 0 <= value < _END_OF_TIME:
        raise NotPermittedError(f"The token's {name!r} is no instant.")
    return float(value)


def _principal(claims: Mapping[str, Any], kind: TokenKind) -> Principal:
    scope, digest = claims.get("scope", ""), claims.get("digest", "")
    if not isinstance(scope, str) or not isinstance(digest, str):
        raise NotPermittedError("The token's 'scope' or 'digest' is no text.")
    if not claims["sub"]:
        raise NotPermittedError("The token names nobody as its subject.")
    if kind != "access" and not digest:
        raise NotPermittedError("The token does not say for which message it was made.")
    return Principal(
        subject=claims["sub"],
        scopes=frozenset(scope.split()),
        actors=_actors(claims.get("act")),
        datasets=_groups(claims.get("datasets", [])),
        digest=digest,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _groups(datasets: Any) -> tuple[tuple[str, ...], ...]:
    """Groups of patterns; an issuer may write one group as a plain list of patterns."""
    if _is_list(datasets):
        return (tuple(datasets),) if datasets else ()
    if isinstance(datasets, list) and all(_is_list(group) for group in datasets):
        return tuple(tuple(group) for group in datasets)
    raise NotPermittedError("The token's 'datasets' is no list of patterns.")


def _claims(kind: TokenKind, key: Key, principal: Principal, claims: Mapping[str, Any]) -> Claims:
    roles = claims.get("roles", [])
    if not _is_list(roles):
        raise NotPermittedError("The token's 'roles' has no proper form.")
    return Claims(
        kind=kind, key=key, principal=principal, id=str(claims["jti"]), roles=tuple(roles)
    )


def _nested(actors: Sequence[str]) -> Mapping[str, Any]:
    """The `act` claim: each actor holds the one before it."""
    act: dict[str, Any] = {}
    for actor in reversed(actors):
        act = {"sub": actor, **({"act": act} if act else {})}
    return act


def _actors(act: Any) -> tuple[str, ...]:
    actors: list[str] = []
    while isinstance(act, Mapping) and len(actors) < MAX_ACTORS:
        actors.append(str(act.get("sub", "")))
        act = act.get("act")
    return tuple(actors)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _lists(groups: tuple[tuple[str, ...], ...]) -> list[list[str]]:
    return [list(group) for group in groups]


def _given(**claims: Any) -> Mapping[str, Any]:
    """The claims that say something."""
    return {name: value for name, value in claims.items() if value}
