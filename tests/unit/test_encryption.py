"""Records under a key: legible in their attributes, byte for byte the same with it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain.audit import AuditRecorded
from bus.domain.envelope import Envelope
from bus.domain.message import request_key
from bus.sealing.encryption import KEY_HEADER, decrypted, encryptable, legible_part
from bus.sealing.encryptor import KEY_TIME, Encryptor
from tests.support.clock import ManualClock
from tests.support.events import event
from tests.support.memory_vault import MemoryVault

KEY = bytes(range(32))


def encrypted(envelope: Envelope, key: bytes = KEY) -> Envelope:
    part = encryptable(envelope)
    assert part is not None
    return part.encrypted(key)


@given(body=st.binary(max_size=200))
def test_whatever_a_body_is_it_comes_back_the_same(body: bytes) -> None:
    kept = encrypted(Envelope(topic="event.a", body=body, correlation_id="c"))
    assert decrypted(kept.body, KEY) == body


def test_only_the_attributes_can_be_read_without_the_key() -> None:
    sent = event(
        "event.a",
        correlation_id="c",
        causation_id="m",
        source="ann",
        reply_to="reply.me",
        data="needle",
    )
    kept = encrypted(sent)
    assert b"needle" not in kept.body
    assert b"reply.me" not in kept.body
    assert kept.reply_to is None
    assert kept.headers == {KEY_HEADER: "c"}
    attributes = legible_part(kept)
    assert attributes is not None
    assert b'"source":"ann"' in attributes
    assert legible_part(sent) is None


def test_another_key_gives_nothing() -> None:
    assert decrypted(encrypted(event("event.a")).body, bytes(32)) is None


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_record_that_was_altered_gives_nothing(place: int, bit: int) -> None:
    body = bytearray(encrypted(event("event.a", id="m", correlation_id="c", data="x")).body)
    body[place % len(body)] ^= 1 << bit
    assert decrypted(bytes(body), KEY) is None


def test_the_same_twice_does_not_look_the_same() -> None:
    sent = event("event.a")
    assert encrypted(sent).body != encrypted(sent).body


def test_a_message_that_names_no_conversation_begins_one() -> None:
    sent = event("analysis.requested", id="m", source="ann")
    assert encrypted(sent).headers[KEY_HEADER] == request_key("ann", "m")


@pytest.mark.parametrize(
    "envelope",
    [
        event("event.audit.recorded", message_type=AuditRecorded.message_type),
        Envelope(topic="event.a", body=b"no event"),
    ],
)
async def test_what_is_nobodys_stays_as_it_is(envelope: Envelope) -> None:
    encryptor = Encryptor(MemoryVault(), clock=ManualClock())
    assert await encryptor.encrypted(envelope) is envelope


async def test_what_is_said_after_its_key_was_shredded_nobody_can_read() -> None:
    vault, clock = MemoryVault(), ManualClock()
    encryptor = Encryptor(vault, clock=clock)
    first = await encryptor.encrypted(event("event.a", correlation_id="c"))
    key = (await vault.look_up(["c"]))["c"]
    assert decrypted(first.body, key) is not None
    await vault.shred(["c"])
    clock.advance(KEY_TIME)
    late = await encryptor.encrypted(event("event.a", correlation_id="c"))
    assert decrypted(late.body, key) is None
    assert await vault.look_up(["c"]) == {}


async def test_a_key_is_asked_for_once_in_a_while() -> None:
    vault, clock = MemoryVault(), ManualClock()
    asked = []
    make = vault.make

    async def noted(conversation: str) -> bytes | None:
        asked.append(conversation)
        return await make(conversation)

    vault.make = noted
    encryptor = Encryptor(vault, clock=clock)
    for seconds in (0.0, KEY_TIME / 2, KEY_TIME):
        clock.advance(seconds)
        await encryptor.encrypted(event("event.a", correlation_id="c"))
        await asyncio.sleep(0)
    assert asked == ["c", "c"]
