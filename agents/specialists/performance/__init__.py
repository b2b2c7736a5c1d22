"""What the performance analyst judges: layout, skew, the flow of events, brokers and queues."""

from typing import Final

ROLE: Final = "performance"
