"""Whose token is enough for which message, and what of a person's authority is passed on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.authorities.token_file import TokenFile
from bus.authorities.tokens import TASK_LIFETIME, TokenAuthority
from bus.domain import codec
from bus.domain.authority import (
    LOCAL_USER,
    PERMISSIONS,
    Policy,
    Principal,
    Rule,
    Rules,
    body_digest,
)
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.domain.message import AgentMessage, MessageId, Payload
from bus.errors import NotPermittedError
from bus.keyring import ALL, PERSONS, SERVICES, Key
from bus.tokens import MESSAGE_LIFETIME, Tokens
from tests.support.clock import ManualClock
from tests.support.keys import Keys, pair


class Asked(Payload):
    message_type = "shop.asked.v1"
    text: str = ""


class Assigned(Payload):
    message_type = "shop.assigned.v1"


class Done(Payload):
    message_type = "shop.done.v1"


class Noted(Payload):
    message_type = "shop.noted.v1"


class Unheard(Payload):
    message_type = "shop.unheard.v1"


RULES = Rules(
    by_type={
        "shop.asked.v1": Rule(users=True, scopes=frozenset({"read_data"})),
        "shop.assigned.v1": Rule(delegated=True, services=frozenset({"orchestrator"})),
        "shop.done.v1": Rule(services=frozenset({"*"})),
        "shop.noted.v1": Rule(users=True, services=frozenset({"*"})),
    }
)
POLICY = Policy(
    roles={"analyst": frozenset({"read_data", "execute_queries"}), "root": frozenset({"fly"})},
    agents={"task.security": frozenset({"read_data"})},
)
PEOPLE, PEOPLE_PUBLIC = pair("people", kinds=PERSONS)
CHIEF, CHIEF_PUBLIC = pair(
    "chief", issuer="convener:services", kinds=SERVICES, senders=("orchestrator",)
)
WORKER, WORKER_PUBLIC = pair(
    "worker", issuer="convener:services", kinds=frozenset({"message"}), senders=("sec*",)
)
TRUSTED = (PEOPLE_PUBLIC, CHIEF_PUBLIC, WORKER_PUBLIC)
LOCAL = Key(
    kid="local",
    issuer="convener:local",
    algorithm="HS256",
    material=b"k" * 32,
    kinds=ALL,
    senders=("*",),
    is_local=True,
)
ANN = Principal(subject="ann", scopes=frozenset({"read_data", "execute_queries"}))


class Party:
    """A process with one key, or a person's token, on the bus of all of them."""

    def __init__(
        self,
        own: Key | None = None,
        *trusted: Key,
        token: str | None = None,
        policy: Policy = POLICY,
        clock: ManualClock | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.tokens = Tokens(Keys(own, *(trusted or TRUSTED)), clock=self.clock)
        self.authority = TokenAuthority(
            self.tokens,
            rules=RULES,
            policy=policy,
            clock=self.clock,
            bearer=None if token is None else lambda: token,
        )

    def sends(
        self,
        content: Payload,
        *,
        sender: str,
        to: str = "task.security",
        on_behalf_of: Principal | None = None,
        **details: Any,
    ) -> tuple[AgentMessage[Any], Envelope]:
        message = AgentMessage(
            id=MessageId("1"),
            sender=sender,
            recipient=to,
            content=content,
            timestamp=self.clock.now(),
            **details,
        )
        envelope = codec.seal(message)
        return message, self.authority.signed(envelope, message, on_behalf_of=on_behalf_of)

    async def receives(self, sent: tuple[AgentMessage[Any], Envelope]) -> Principal:
        return await self.authority.verify(*sent)


def token_of(principal: Principal, *, roles: tuple[str, ...] = ()) -> str:
    return Party(PEOPLE).tokens.access(principal, lifetime=60, roles=roles)


async def test_a_person_asks_with_their_own_token() -> None:
    sent = Party(token=token_of(ANN)).sends(Asked(), sender="cli")
    principal = await Party().receives(sent)
    assert principal.subject == "ann"
    assert principal.scopes == ANN.scopes


async def test_a_person_without_the_permission_may_not_ask() -> None:
    nobody = token_of(Principal(subject="bob", scopes=frozenset({"execute_queries"})))
    with pytest.raises(NotPermittedError, match="bob lacks the permission 'read_data'"):
        await Party().receives(Party(token=nobody).sends(Asked(), sender="cli"))


async def test_a_role_stands_for_what_the_operator_grants_it_and_nothing_else() -> None:
    token = token_of(Principal(subject="bob", scopes=frozenset()), roles=("analyst", "root", "?"))
    principal = await Party().receives(Party(token=token).sends(Asked(), sender="cli"))
    assert principal.scopes == {"read_data", "execute_queries"}


async def test_a_scope_that_is_no_permission_is_worth_nothing() -> None:
    token = token_of(replace(ANN, scopes=frozenset({"read_data", "everything"})))
    principal = await Party().receives(Party(token=token).sends(Asked(), sender="cli"))
    assert principal.scopes == {"read_data"}


async def test_grants_of_data_narrow_what_a_person_may_read() -> None:
    policy = Policy(datasets={"ann": ("sales/*",), "*": ("public/*",)})
    party = Party(policy=policy)
    ann = await party.receives(Party(token=token_of(ANN)).sends(Asked(), sender="cli"))
    assert [ann.may_read(f"{part}/a") for part in ("sales", "public", "staff")] == [1, 1, 0]
    bob = Principal(subject="bob", scopes=ANN.scopes)
    bob = await party.receives(Party(token=token_of(bob)).sends(Asked(), sender="cli"))
    assert [bob.may_read(f"{part}/a") for part in ("sales", "public", "staff")] == [0, 1, 0]


@pytest.mark.parametrize("content", [Assigned(), Done(), Unheard()])
async def test_a_persons_token_is_no_service(content: Payload) -> None:
    person = Party(token=token_of(ANN))
    with pytest.raises(NotPermittedError):
        person.sends(content, sender="orchestrator")
    _, envelope = person.sends(Asked(), sender="cli")
    message, _ = Party(LOCAL).sends(Done(), sender="orchestrator")
    stolen = replace(codec.seal(message), headers=envelope.headers)
    message = replace(message, content=content)
    with pytest.raises(NotPermittedError):
        await Party().receives((message, stolen))


async def test_a_task_carries_the_persons_authority_narrowed_to_its_agent() -> None:
    sent = Party(CHIEF).sends(Assigned(), sender="orchestrator", on_behalf_of=ANN)
    principal = await Party().receives(sent)
    assert principal.subject == "ann"
    assert principal.scopes == {"read_data"}
    assert principal.actors == ("orchestrator",)
    to_others = Party(CHIEF).sends(
        Assigned(), sender="orchestrator", to="task.business", on_behalf_of=ANN
    )
    assert (await Party().receives(to_others)).scopes == ANN.scopes


async def test_a_task_without_a_deadline_has_authority_for_twenty_minutes() -> None:
    clock = ManualClock()
    sent = Party(CHIEF, clock=clock).sends(Assigned(), sender="orchestrator", on_behalf_of=ANN)
    clock.advance(TASK_LIFETIME)
    assert await Party(clock=clock).receives(sent)
    clock.advance(30)
    with pytest.raises(NotPermittedError, match="expired"):
        await Party(clock=clock).receives(sent)


async def test_a_tasks_authority_ends_with_its_deadline() -> None:
    clock = ManualClock()
    sent = Party(CHIEF, clock=clock).sends(
        Assigned(),
        sender="orchestrator",
        on_behalf_of=ANN,
        expires_at=clock.now() + timedelta(seconds=5),
    )
    clock.advance(20)
    with pytest.raises(NotPermittedError, match="expired"):
        await Party(clock=clock).receives(sent)


async def test_a_tasks_token_does_not_fit_another_message_or_agent() -> None:
    party = Party(CHIEF)
    message, envelope = party.sends(Assigned(), sender="orchestrator", on_behalf_of=ANN)
    for topic in ("task.business", "task.*", ""):
        with pytest.raises(NotPermittedError):
            await party.receives((message, replace(envelope, topic=topic)))
    with pytest.raises(NotPermittedError, match="another message"):
        await party.receives((message, replace(envelope, body=envelope.body + b" ")))


async def test_a_task_needs_a_person() -> None:
    with pytest.raises(NotPermittedError, match="authority of a person"):
        Party(CHIEF).sends(Assigned(), sender="orchestrator")
    message, envelope = Party(LOCAL).sends(Assigned(), sender="orchestrator")
    proof = Party(CHIEF).tokens.message("orchestrator", digest=body_digest(envelope.body))
    claimed = replace(envelope, headers={TOKEN_HEADER: proof})
    with pytest.raises(NotPermittedError, match="needs a person's authority"):
        await Party().receives((message, claimed))


async def test_a_service_that_may_not_assign_cannot_make_tasks() -> None:
    with pytest.raises(NotPermittedError, match="no key that may sign"):
        Party(WORKER).sends(Assigned(), sender="orchestrator", on_behalf_of=ANN)
    rogue, public = pair("rogue", issuer="convener:services", kinds=SERVICES, senders=("sec*",))
    for sender in ("orchestrator", "security"):
        sent = Party(rogue).sends(Assigned(), sender=sender, on_behalf_of=ANN)
        with pytest.raises(NotPermittedError, match="'rogue' does not allow"):
            await Party(None, public).receives(sent)


async def test_a_service_sends_under_the_names_that_its_key_covers() -> None:
    principal = await Party().receives(Party(WORKER).sends(Done(), sender="security"))
    assert principal.subject == "security"
    assert not principal.scopes
    with pytest.raises(NotPermittedError, match="'worker' does not allow"):
        await Party().receives(Party(WORKER).sends(Done(), sender="business"))


async def test_a_proof_of_one_sender_is_not_anothers() -> None:
    message, envelope = Party(WORKER).sends(Done(), sender="security")
    with pytest.raises(NotPermittedError, match="'security' sent the message as 'secretary'"):
        await Party().receives((replace(message, sender="secretary"), envelope))


async def test_what_no_rule_allows_nobody_may_send() -> None:
    for key in (WORKER, LOCAL):
        with pytest.raises(NotPermittedError, match="Nobody may send"):
            Party(key).sends(Unheard(), sender="security")


async def test_a_message_without_a_token_is_refused() -> None:
    message, envelope = Party(WORKER).sends(Done(), sender="security")
    with pytest.raises(NotPermittedError, match="carries no token"):
        await Party().receives((message, envelope.without_token()))


async def test_the_local_user_may_do_everything_on_a_bus_of_their_own() -> None:
    here = Party(LOCAL, LOCAL)
    for content in (Asked(), Assigned(), Done()):
        assert await here.receives(here.sends(content, sender="anything")) == LOCAL_USER


async def test_the_local_user_can_act_with_less_by_a_token() -> None:
    maker = Party(LOCAL, LOCAL)
    token = maker.tokens.access(ANN.narrowed({"read_data"}), lifetime=60)
    here = Party(LOCAL, LOCAL, token=token)
    principal = await here.receives(here.sends(Asked(), sender="cli"))
    assert principal.subject == "ann"
    assert principal.scopes == {"read_data"}
    assert await here.receives(here.sends(Done(), sender="anything")) == LOCAL_USER


async def test_what_both_may_send_is_signed_by_the_service_if_there_is_one() -> None:
    token = token_of(ANN)
    by_service = Party(WORKER, token=token).sends(Noted(), sender="security")
    assert (await Party().receives(by_service)).subject == "security"
    by_person = Party(token=token).sends(Noted(), sender="cli")
    assert (await Party().receives(by_person)).subject == "ann"


async def test_a_token_that_nobody_would_accept_any_more_is_not_sent() -> None:
    clock = ManualClock()
    person = Party(token=token_of(ANN), clock=clock)
    assert person.sends(Asked(), sender="cli")
    clock.advance(3600)
    with pytest.raises(NotPermittedError, match="expired at"):
        person.sends(Asked(), sender="cli")
    with pytest.raises(NotPermittedError, match="cannot be read"):
        Party(token="nonsense").sends(Asked(), sender="cli")


async def test_on_a_shared_bus_the_local_key_is_nobodys() -> None:
    with pytest.raises(NotPermittedError, match="not trusted here"):
        await Party().receives(Party(LOCAL).sends(Done(), sender="security"))


async def test_transient_messages_travel_without_a_token() -> None:
    _, envelope = Party().sends(Done(), sender="security", to="progress.1")
    assert TOKEN_HEADER not in envelope.headers


async def test_a_proof_outlives_a_long_wait_but_not_a_day() -> None:
    clock = ManualClock()
    sent = Party(WORKER, clock=clock).sends(Done(), sender="security")
    clock.advance(MESSAGE_LIFETIME)
    assert await Party(clock=clock).receives(sent)
    clock.advance(24 * 3600)
    with pytest.raises(NotPermittedError, match="expired"):
        await Party(clock=clock).receives(sent)


def test_nothing_that_a_person_may_do_is_added_on_the_way() -> None:
    for granted in (PERMISSIONS, frozenset({"read_data"}), frozenset[str]()):
        passed = Policy(agents_default=granted).passed_on(ANN, "task.any")
        assert passed.scopes == ANN.scopes & granted


def test_a_token_in_a_file_is_the_one_that_stands_there_now(tmp_path: Path) -> None:
    file = tmp_path / "token"
    bearer = TokenFile(file)
    with pytest.raises(NotPermittedError, match="CONVENER_TOKEN_FILE"):
        bearer()
    file.write_text("one\n")
    assert bearer() == "one"
    file.write_text("other\n")
    assert bearer() == "other"
    (tmp_path / "next").write_text("third")
    (tmp_path / "next").replace(file)
    assert bearer() == "third"
    for unusable, complaint in ((b"", "holds no token"), (b"\xff\xfe", "cannot be read")):
        file.write_bytes(unusable)
        with pytest.raises(NotPermittedError, match=complaint):
            bearer()
