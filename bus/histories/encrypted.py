"""Reading records that may be encrypted: with their key as they were, without it as erased."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bus.errors import UsageError
from bus.histories.erased import emptied
from bus.history import HistoryQuery, HistoryRecord
from bus.sealing.encryption import decrypted
from bus.sqlite.message_log import Stored
from bus.vault import Vault


async def revealed(
    vault: Vault | None, stored: Sequence[Stored], query: HistoryQuery
) -> Sequence[HistoryRecord]:
    """Those of `stored` that `query` selects also by their text, which the file cannot look for.

    Keys are asked for each time, so that what is forgotten is so at once.

    Raises:
        UsageError: some are encrypted, and there is no vault.
        StoreError, TransportError: the keys cannot be had.
    """
    conversations = {each.encrypted_for for each in stored if each.encrypted_for is not None}
    if not conversations:
        return [each.record for each in stored]
    if vault is None:
        raise UsageError(
            "The history is encrypted: set CONVENER_VAULT to the Redis that has the keys, as for "
            "the workers."
        )
    keys = await vault.look_up(sorted(conversations))
    return list(_selected(stored, keys, query.text))


def _selected(
    stored: Sequence[Stored], keys: Mapping[str, bytes], text: str | None
) -> Iterator[HistoryRecord]:
    sought = None if text is None else text.encode().lower()
    for each in stored:
        record = each.record
        if each.encrypted_for is not None:
            key = keys.get(each.encrypted_for)
            body = None if key is None else decrypted(record.body, key)
            if sought is not None and (body is None or sought not in body.lower()):
                continue
            record = emptied(record) if body is None else replace(record, body=body)
        yield record
