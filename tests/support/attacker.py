"""Somebody with a user of the broker and a valid token, neither of which allows much.

They know more than they could find out: names of queues, ids and reply addresses of others, even
the public keys. What they do not have is anybody's private key.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

import aiormq
import jwt
import pika
from aiormq.abc import DeliveredMessage
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pamqp.commands import Basic

from agents.domain.circuit import CircuitForced
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled
from agents.domain.task import TaskAssigned, TaskCompleted
from agents.messages import CANCEL_TOPIC, REQUEST_TOPIC
from bus import (
    AgentMessage,
    AuditRecorded,
    MessageId,
    Payload,
    Principal,
    SystemClock,
    encode,
    request_key,
)
from bus.domain.envelope import TOKEN_HEADER
from tests.support.parties import Party
from tests.support.secured_broker import READER, Site

Outcome: TypeAlias = Literal["refused", "parked", "ignored", "harmless"]
"""Refused by the broker, parked or denied by whoever got it, or permitted and without effect."""

ATTACK: Final = "attack"
"""The header that names an attack, to find it again among the parked messages."""

Act: TypeAlias = Callable[["Attacker", str], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One thing to try: against which row of the table of threats, and what must come of it."""

    row: str
    outcome: Outcome
    act: Act


@dataclass
class Attacker:
    """`eve`; `victim` is the reply topic of somebody who waits for the request `annual`."""

    site: Site
    victim: str
    url: str = ""
    captured: DeliveredMessage | None = None
    sent: dict[str, bytes] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Good for requests about data that there are none of here."""
        return self.issued()

    def issued(self, *, lifetime: float = 60.0, issuer: Party | None = None) -> str:
        """A token of eve's, by that issuer."""
        tokens = self.site.parties.tokens(issuer or self.site.parties.issuer)
        eve = Principal(subject="eve", scopes=READER, datasets=(("sales/*",),))
        return tokens.access(eve, lifetime=lifetime)

    async def publish(
        self,
        attack: str,
        topic: str,
        body: bytes,
        *,
        exchange: str = "convener",
        token: str | None = None,
        headers: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> None:
        """As any AMQP client does; raises what the broker answers."""
        self.sent[attack] = body
        marks: dict[str, Any] = {ATTACK: attack, **(headers or {})}
        if token is not None:
            marks[TOKEN_HEADER] = token
        async with aiormq.connect(self.url) as connection:
            channel = await connection.channel(on_return_raises=True)
            await channel.basic_publish(
                body,
                exchange=exchange,
                routing_key=topic,
                mandatory=True,
                properties=Basic.Properties(headers=marks, **properties),
            )

    def publish_bytes(self, attack: str, properties: pika.BasicProperties, body: bytes) -> None:
        """With a client that sends whatever bytes it is given."""
        self.sent[attack] = body
        url = pika.URLParameters(self.url)
        with pika.BlockingConnection(url) as connection:
            connection.channel().basic_publish("convener", REQUEST_TOPIC, body, properties)

    async def flood(self, count: int) -> None:
        """So many messages at once that somebody has to look at."""
        async with aiormq.connect(self.url) as connection:
            channel = await connection.channel()
            for _ in range(count):
                await channel.basic_publish(
                    b'{"flood":1}', exchange="convener", routing_key=REQUEST_TOPIC, wait=False
                )

    async def capture(self) -> None:
        """Ask within the token, and keep the reply with the token that it came with."""
        async with aiormq.connect(self.url) as connection:
            channel = await connection.channel()
            queue = f"convener-eve-{uuid4().hex}"
            await channel.queue_declare(queue, exclusive=True)
            await channel.queue_bind(queue, "convener", routing_key="reply.eve.own")
            body = event(self.site.request(), REQUEST_TOPIC, id="own", reply_to="reply.eve.own")
            await self.publish("own", REQUEST_TOPIC, body, token=self.token)
            while (message := await channel.basic_get(queue)).delivery_tag is None:
                pass
            self.captured = message


def event(
    content: Payload,
    to: str,
    *,
    sender: str = "orchestrator",
    id: str | None = None,
    reply_to: str | None = None,
    cause: str | None = None,
) -> bytes:
    """An event that claims to be by `sender`."""
    now = SystemClock().now()
    return encode(
        AgentMessage(
            id=MessageId(id or str(uuid4())),
            sender=sender,
            recipient=to,
            content=content,
            timestamp=now,
            reply_to=reply_to,
            causation_id=MessageId(cause) if cause else None,
            correlation_id=request_key("convener", MessageId(cause)) if cause else None,
            expires_at=now + timedelta(minutes=5),
        )
    )


def task(role: str = "counter") -> TaskAssigned:
    """A task nobody was assigned."""
    return TaskAssigned.model_validate(
        {
            "request_id": "forged",
            "task_id": "forged",
            "role": role,
            "question": "forged",
            "questions": [],
            "tools": ["row_count"],
            "datasets": [],
            "route": {"kind": "batch", "why": "it is"},
        }
    )


def report() -> ReportPublished:
    """What the victim would like to read, or not."""
    return ReportPublished.model_validate(
        {
            "request_id": request_key("convener", MessageId("annual")),
            "status": "complete",
            "question": "",
            "executive_summary": "forged",
            "run": {
                "requested_at": "2026-01-01T00:00:00Z",
                "finished_at": "2026-01-01T00:00:00Z",
                "seconds": 0.0,
                "host": "",
            },
        }
    )


def as_task(**properties: Any) -> Act:
    """A forged task, sent as a request with these properties."""

    async def act(eve: Attacker, name: str) -> None:
        body = event(task(), "task.counter")
        await eve.publish(name, REQUEST_TOPIC, body, token=eve.token, **properties)

    return act


def forged(content: Callable[[], Payload], topic: str, *, via: str = "") -> Act:
    """A message that nobody but a service may send, to its own topic or by way of another."""

    async def act(eve: Attacker, name: str) -> None:
        body = event(content(), topic, cause="annual")
        await eve.publish(name, via or topic, body, token=eve.token)

    return act


def copied(content: Callable[[], Payload], to: str, header: str) -> Act:
    """The same by a carbon copy."""

    async def act(eve: Attacker, name: str) -> None:
        topic = to.replace("VICTIM", eve.victim)
        body = event(content(), topic, cause="annual")
        await eve.publish(name, REQUEST_TOPIC, body, token=eve.token, headers={header: [topic]})

    return act


def replayed(header: str, to: str) -> Act:
    """A message that came to the attacker, with its genuine token, sent on to somebody else."""

    async def act(eve: Attacker, name: str) -> None:
        assert eve.captured is not None
        genuine = (eve.captured.header.properties.headers or {})[TOKEN_HEADER]
        topic = to.replace("VICTIM", eve.victim)
        await eve.publish(
            name, REQUEST_TOPIC, eve.captured.body, token=genuine, headers={header: [topic]}
        )

    return act


def with_token(make: Callable[[Attacker], str | None]) -> Act:
    """A request that would be fine under another token."""

    async def act(eve: Attacker, name: str) -> None:
        body = event(eve.site.request(), REQUEST_TOPIC, sender="convener")
        await eve.publish(name, REQUEST_TOPIC, body, token=make(eve))

    return act


def captured_token(eve: Attacker) -> str:
    """The one of a service, which was made for another message."""
    assert eve.captured is not None
    return str((eve.captured.header.properties.headers or {})[TOKEN_HEADER])


def unsigned(eve: Attacker) -> str:
    """`alg: none`, and more permissions."""
    head, claims, _ = eve.token.split(".")
    return f"{_part({**_read(head), 'alg': 'none'})}.{_part(_widened(claims))}."


def altered(eve: Attacker) -> str:
    """More permissions under the old signature."""
    head, claims, signature = eve.token.split(".")
    return f"{head}.{_part(_widened(claims))}.{signature}"


def confused(eve: Attacker) -> str:
    """Signed with the issuer's public key, as if that were a shared secret."""
    head, claims, _ = eve.token.split(".")
    public = eve.site.parties.issuer.public.material.public_bytes(  # type: ignore[attr-defined]
        Encoding.Raw, PublicFormat.Raw
    )
    given = _read(head)
    return jwt.encode(
        _widened(claims), public, "HS256", headers={"kid": given["kid"], "typ": given["typ"]}
    )


def retyped(kind: str) -> Callable[[Attacker], str]:
    """A token of a person that says it is one of a service."""

    def make(eve: Attacker) -> str:
        head, claims, signature = eve.token.split(".")
        return f"{_part({**_read(head), 'typ': kind})}.{claims}.{signature}"

    return make


def of_another_bus(eve: Attacker) -> str:
    """By a trusted issuer, for somebody else's `aud`."""
    issuer = eve.site.parties.issuer.secret
    claims = _read(eve.token.split(".")[1]) | {"aud": "elsewhere"}
    return jwt.encode(
        claims, issuer.material, "EdDSA", headers={"kid": issuer.kid, "typ": "at+jwt"}
    )


def raw(body: bytes, **properties: Any) -> Act:
    """Bytes where a request is expected."""

    async def act(eve: Attacker, name: str) -> None:
        await eve.publish(name, REQUEST_TOPIC, body, token=eve.token, **properties)

    return act


def to_queue(exchange: str, queue: str) -> Act:
    """A task past the topics, straight at a queue."""

    async def act(eve: Attacker, name: str) -> None:
        body = event(task(), "task.counter")
        headers = {"convener-topic": "task.counter", "convener-attempt": "1"}
        await eve.publish(name, queue, body, token=eve.token, exchange=exchange, headers=headers)

    return act


def answered_at(address: str) -> Act:
    """A request that cannot be granted, whose refusal is to go to somebody else's queue."""

    async def act(eve: Attacker, name: str) -> None:
        body = event(eve.site.request(), REQUEST_TOPIC, reply_to=address)
        await eve.publish(name, REQUEST_TOPIC, body, token="none", reply_to=address)

    return act


async def cancel_anothers(eve: Attacker, name: str) -> None:
    """Withdraw what somebody else is about to ask."""
    order = AnalysisCancelled(request_id=request_key("convener", MessageId("annual")))
    body = event(order, CANCEL_TOPIC, sender="convener")
    await eve.publish(name, CANCEL_TOPIC, body, token=eve.token)


async def repeat_with_other_content(eve: Attacker, name: str) -> None:
    """The id of a request that was answered, with another question."""
    request = eve.site.request(question="another one")
    body = event(request, REQUEST_TOPIC, id="own", reply_to="reply.eve.own")
    await eve.publish(name, REQUEST_TOPIC, body, token=eve.token)


async def undecodable(eve: Attacker, name: str) -> None:
    """Properties that are no text in any encoding that AMQP has."""
    properties = pika.BasicProperties(message_id=b"\xff\xfe", headers={ATTACK: name})
    eve.publish_bytes(name, properties, name.encode())


def nested(depth: int) -> dict[str, Any]:
    """A table of headers within tables."""
    table: dict[str, Any] = {"end": True}
    for _ in range(depth):
        table = {"in": table}
    return table


def unknown_type() -> bytes:
    """An event of a type that nobody has ever heard of."""
    body: dict[str, Any] = json.loads(event(task(), REQUEST_TOPIC))
    return json.dumps(body | {"type": "convener.unheard.of.v1"}).encode()


def audit_record() -> AuditRecorded:
    """A record of somebody's audit that nobody signed."""
    return AuditRecorded(
        writer="orchestrator-0",
        sequence=1,
        at="2026-01-01T00:00:00.000000Z",
        previous="",
        decisions=(),
        hash="0" * 64,
    )


def completed() -> TaskCompleted:
    """What a specialist would have found."""
    return TaskCompleted(request_id="annual", task_id="forged", role="counter", findings=())


def force() -> CircuitForced:
    """An order that only an operator may give."""
    return CircuitForced(name="row_count", circuit="forced_open")


def _part(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _read(part: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def _widened(claims: str) -> dict[str, Any]:
    wide = "read_data execute_queries write_data admin_operations"
    return _read(claims) | {"scope": wide, "datasets": []}
