"""The latest conversations of a bus file, for whoever completes an id that somebody is typing.

*Guarantees*: nothing is made, changed or waited for; what cannot be looked at has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.sqlite import inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Its id, and the time of the message that began it, in ISO form."""

    id: str
    time: str


def recent_conversations(
    path: Path | None, *, message_type: str, begun: str, limit: int
) -> Sequence[Conversation]:
    """0..`limit` that a message of that type began and whose ids begin with `begun`, latest first.

    Of a long history only its end is looked at.
    """
    if path is None or not path.is_file():
        return ()
    found = inspection.recent(str(path), message_type=message_type, begun=begun, limit=limit)
    return [Conversation(id=id, time=time) for id, time in found]
