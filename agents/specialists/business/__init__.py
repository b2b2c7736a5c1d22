"""What the business analyst judges: figures over time, where they are high, who carries them."""

from typing import Final

ROLE: Final = "business"
