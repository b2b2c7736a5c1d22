"""Encrypting records, so that whoever destroys a key destroys what was said under it.

A body becomes the attributes of its event, which stay legible, and the whole event encrypted with
the key of its conversation. Decrypted, it is byte for byte what it was, since the audit names it by
its digest.

*Guarantees*: nothing of an event's data, metadata or reply address can be read without the key; a
record whose attributes or content were altered does not decrypt.

*Not here*: where keys are kept, and destroyed (`bus.vault`).

*Source*: NIST SP 800-38D (GCM); Boneh & Lipton, "A Revocable Backup System" (1996), for erasing by
destroying keys.
"""

import os
from dataclasses import dataclass, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from bus.domain.audit import AuditRecorded
from bus.domain.envelope import Envelope
from bus.domain.history_marked import HistoryMarked
from bus.domain.message import request_key

KEY_BYTES: Final = 32
KEY_HEADER: Final = "convener-encrypted-for"
"""Names the conversation with whose key a record is encrypted; only a recorder writes it."""

_OF_THE_BUS: Final = frozenset({AuditRecorded.message_type, HistoryMarked.message_type})
_NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 4


class _Attributes(BaseModel):
    """What stays legible of an event."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    type: str
    time: str | None = None
    correlationid: str | None = None
    causationid: str | None = None


@dataclass(frozen=True, slots=True)
class Encryptable:
    """A record that is part of a conversation, with the attributes of its event as JSON."""

    envelope: Envelope
    conversation: str
    attributes: bytes

    def encrypted(self, key: bytes) -> Envelope:
        """The record as it is kept."""
        nonce = os.urandom(_NONCE_BYTES)
        content = AESGCM(key).encrypt(nonce, self.envelope.body, self.attributes)
        length = len(self.attributes).to_bytes(_LENGTH_BYTES)
        return replace(
            self.envelope,
            body=b"".join((length, self.attributes, nonce, content)),
            reply_to=None,
            headers={KEY_HEADER: self.conversation},
        )


def encryptable(envelope: Envelope) -> Encryptable | None:
    """`envelope` as what can be encrypted.

    None for what the bus says of itself, and for what names no conversation in any way.
    """
    try:
        event = _Attributes.model_validate_json(envelope.body)
    except ValidationError:
        if not envelope.correlation_id:
            return None
        return Encryptable(envelope, envelope.correlation_id, b"{}")
    if event.type in _OF_THE_BUS:
        return None
    return Encryptable(
        envelope,
        event.correlationid or request_key(event.source, event.id),
        to_json(event, exclude_none=True),
    )


def legible_part(envelope: Envelope) -> bytes | None:
    """The attributes of an encrypted record, as JSON; None of one that is not encrypted."""
    return _parts(envelope.body)[0] if KEY_HEADER in envelope.headers else None


def decrypted(body: bytes, key: bytes) -> bytes | None:
    """The body as it was before it was encrypted; None if that was not done with `key`."""
    attributes, content = _parts(body)
    nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, sealed, attributes)
    except (InvalidTag, ValueError):
        return None


def _parts(body: bytes) -> tuple[bytes, bytes]:
    start = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES])
    return body[_LENGTH_BYTES:start], body[start:]
