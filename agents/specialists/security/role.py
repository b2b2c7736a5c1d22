"""The name of the role."""

from typing import Final

ROLE: Final = "security"
