"""What the business analyst judges: figures over time, where they are high, who carries them."""

from typing import Final

ROLE: Final = "business"


def brief(value: float) -> str:
    """A figure as one says it, with four significant digits.

    >>> brief(20.2155425), brief(1234567.8), brief(-0.0001234)
    ('20.22', '1,235,000', '-0.0001234')
    """
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
