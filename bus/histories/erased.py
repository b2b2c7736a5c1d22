"""What is left to read of a record whose content was erased."""

from dataclasses import replace

from pydantic_core import to_json

from bus.history import HistoryRecord


def emptied(record: HistoryRecord) -> HistoryRecord:
    """`record` with nothing but its attributes."""
    event = {
        "specversion": "1.0",
        "id": record.id,
        "source": record.source,
        "type": record.message_type,
        "subject": record.topic,
        "time": record.time or None,
        "correlationid": record.correlation_id,
        "causationid": record.causation_id,
        "erased": True,
    }
    stated = {name: value for name, value in event.items() if value is not None}
    return replace(record, body=to_json(stated), erased=True)
