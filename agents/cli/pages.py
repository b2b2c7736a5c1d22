"""What the help of every command says in the same words."""

from typing import Final


def exit_codes(
    done: str = "done", failed: str = "failed", *, denied: str = "not permitted", partial: str = ""
) -> str:
    """The last line of a command's help; `partial` only where there can be such an outcome."""
    codes = {0: done, 1: failed, 2: "wrong usage", 3: partial, 4: denied, 130: "interrupted"}
    return f"Exit codes: {'; '.join(f'{code} {what}' for code, what in codes.items() if what)}."


REPORT_CODES: Final = exit_codes("a complete report", "none", partial="a partial one")
"""Of what ends in a report."""
