"""What the performance analyst judges: layout, skew, and the flow of events."""

from typing import Final

ROLE: Final = "performance"
