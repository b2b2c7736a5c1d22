"""`HistoryMarked`: a payload that marks how far the history goes at one moment."""

from typing import ClassVar

from bus.domain.message import Payload


class HistoryMarked(Payload):
    """Published by a reader of the history, which then reads up to it.

    The way of every message leads past the same recorder, so whoever has read the mark has read
    everything that was confirmed before the mark was published. It is no answer to any query.
    """

    message_type: ClassVar[str] = "convener.history.marked.v1"

    marker_id: str
