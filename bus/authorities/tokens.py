"""`TokenAuthority`: every message carries a token, and the rules say whose is enough for it.

*Guarantees*: what no rule allows is refused; a task's authority is the person's, narrowed to what
its agent may do, for that one message and until its deadline.

*Source*: RFC 8693 (token exchange); Miller, "Capability Myths Demolished" (2003), for why authority
travels with the message instead of being looked up where it ends.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from bus.clock import Clock
from bus.domain.audit import Seal
from bus.domain.authority import LOCAL_USER, Policy, Principal, Rule, Rules, body_digest
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.domain.message import AgentMessage
from bus.errors import NotPermittedError
from bus.sealing.seals import is_sealed
from bus.sealing.seals import seal as sealed
from bus.tokens import Claims, Tokens

TASK_LIFETIME: Final = 20 * 60.0
"""Seconds for which authority is passed on with a message that has no deadline."""


class TokenAuthority:
    """Signs with the key of `tokens`; what a person sends bears their token, the `bearer`."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        rules: Rules,
        policy: Policy,
        clock: Clock,
        bearer: Callable[[], str] | None = None,
    ) -> None:
        self._tokens = tokens
        self._rules = rules
        self._policy = policy
        self._clock = clock
        self._bearer = bearer

    def signed(
        self,
        envelope: Envelope,
        message: AgentMessage[Any],
        *,
        on_behalf_of: Principal | None = None,
    ) -> Envelope:
        if envelope.is_transient:
            return envelope
        token = self._token(envelope, message, on_behalf_of)
        return replace(envelope, headers={**envelope.headers, TOKEN_HEADER: token})

    def _token(
        self, envelope: Envelope, message: AgentMessage[Any], on_behalf_of: Principal | None
    ) -> str:
        rule, key = self._rule(message.message_type), self._tokens.own
        if rule.delegated and on_behalf_of is not None:
            lifetime = timedelta(seconds=TASK_LIFETIME)
            return self._tokens.task(
                self._policy.passed_on(on_behalf_of, envelope.topic),
                actor=message.sender,
                topic=envelope.topic,
                digest=body_digest(envelope.body),
                expires_at=message.expires_at or self._clock.now() + lifetime,
            )
        if rule.delegated and not (key and key.is_local):
            raise NotPermittedError(
                f"{message.message_type} needs the authority of a person, which is not at hand: "
                "have its request made again."
            )
        if key is not None and "message" not in key.kinds:
            key = None
        is_service = key is not None and rule.lets_service(message.sender)
        if self._bearer is not None and rule.users and not is_service:
            return self._tokens.worth_sending(self._bearer())
        if is_service or (key is not None and key.is_local):
            return self._tokens.message(
                message.sender,
                digest=body_digest(envelope.body),
                expires_at=message.expires_at,
            )
        raise NotPermittedError(
            f"This process may not send {message.message_type}: set CONVENER_TOKEN to a token "
            "that `convener token issue` made for you, or CONVENER_KEY to a service's key."
        )

    async def verify(
        self, message: AgentMessage[Any], envelope: Envelope, *, at: datetime | None = None
    ) -> Principal:
        rule = self._rule(message.message_type)
        token = envelope.headers.get(TOKEN_HEADER)
        if not token:
            raise NotPermittedError(
                f"The message carries no token: send it with one in the header {TOKEN_HEADER!r}."
            )
        claims = await self._tokens.verify(
            token, topic=envelope.topic, digest=body_digest(envelope.body), at=at
        )
        match claims.kind:
            case "access":
                return self._person(claims, rule, message)
            case "task":
                return self._delegated(claims, rule, message)
            case "message":
                return self._service(claims, rule, message)
            case _:
                assert_never(claims.kind)

    def attest(self, statement: bytes) -> Seal | None:
        key = self._tokens.own
        return None if key is None else sealed(statement, key)

    async def attested(self, statement: bytes, seal: Seal, *, name: str) -> bool:
        key = await self._tokens.trusted(issuer=seal.issuer, kid=seal.kid)
        return key is not None and is_sealed(statement, seal, key, name=name)

    def _rule(self, message_type: str) -> Rule:
        rule = self._rules.of(message_type)
        if rule is None:
            raise NotPermittedError(f"Nobody may send {message_type} here.")
        return rule

    def _person(self, claims: Claims, rule: Rule, message: AgentMessage[Any]) -> Principal:
        if not rule.users:
            raise NotPermittedError(f"A person's token does not allow {message.message_type}.")
        principal = self._policy.granted(claims.principal, claims.roles)
        if lacking := sorted(rule.scopes - principal.scopes):
            raise NotPermittedError(
                f"{principal.subject} lacks the permission {lacking[0]!r} to send "
                f"{message.message_type}."
            )
        return principal

    def _delegated(self, claims: Claims, rule: Rule, message: AgentMessage[Any]) -> Principal:
        actor = claims.principal.actors[:1]
        if not rule.delegated or actor != (message.sender,):
            raise NotPermittedError(
                f"A task's token does not allow {message.message_type} from {message.sender!r}."
            )
        self._check_sender(claims, rule, message)
        return replace(claims.principal, message_id=message.id)

    def _service(self, claims: Claims, rule: Rule, message: AgentMessage[Any]) -> Principal:
        if claims.principal.subject != message.sender:
            raise NotPermittedError(
                f"{claims.principal.subject!r} sent the message as {message.sender!r}."
            )
        if claims.key.is_local:
            return LOCAL_USER
        if rule.delegated:
            raise NotPermittedError(f"{message.message_type} needs a person's authority.")
        self._check_sender(claims, rule, message)
        return Principal(subject=message.sender, scopes=frozenset())

    def _check_sender(self, claims: Claims, rule: Rule, message: AgentMessage[Any]) -> None:
        if not (rule.lets_service(message.sender) and claims.key.covers(message.sender)):
            raise NotPermittedError(
                f"The key {claims.key.kid!r} does not allow {message.message_type} from "
                f"{message.sender!r}."
            )
