"""A purse: the spending of one task within its budget, also across crashes.

*Guarantees*: what the budget allows is never exceeded. The most that a call can cost is put down in
the ledger before the call goes out and what it did cost afterwards, so that whoever does the task
again knows what is gone. A call of which nobody knows what it cost counts at its most.

*Not here*: the arithmetic; that is `agents.domain.usage`.
"""

from typing import Final, Self

from agents.domain.usage import Account, Budget, Price, Usage
from bus import Ledger, Recorded

_PAGE: Final = 16
"""Entries that are looked up at once."""


class Purse:
    """The money of one task. Without a limit nothing is put down."""

    def __init__(self, ledger: Ledger, name: str, account: Account, number: int) -> None:
        self._ledger = ledger
        self._name = name
        self._account = account
        self._number = number
        self._held = Usage()
        self.used = Usage()
        """What calls made through this purse really took."""

    @classmethod
    async def open(cls, ledger: Ledger, name: str, budget: Budget, price: Price | None) -> Self:
        """The purse `name` with what is left of `budget`."""
        account = Account(budget=budget, price=price)
        number = 0
        while budget.is_limited:
            numbers = range(number, number + _PAGE)
            keys = [key for each in numbers for key in (_held(name, each), _spent(name, each))]
            entries = await ledger.look_up(keys)
            for each in numbers:
                entry = entries.get(_spent(name, each)) or entries.get(_held(name, each))
                if not isinstance(entry, Recorded):
                    return cls(ledger, name, account, each)
                account.spend(Usage.model_validate_json(entry.value))
            number = numbers.stop
        return cls(ledger, name, account, number)

    def affordable(self, *, input_tokens: int, output_tokens: int) -> int:
        """Output tokens that a call with that input may have, up to `output_tokens`; 0 for none."""
        return self._account.affordable(input_tokens=input_tokens, output_tokens=output_tokens)

    @property
    def charged(self) -> Usage:
        """What counts against the budget so far."""
        return self._account.spent

    @property
    def seconds_left(self) -> float | None:
        """Seconds of waiting that are left; None without a limit."""
        return self._account.seconds_left

    async def hold(self, *, input_tokens: int, output_tokens: int, seconds: float) -> None:
        """Set aside the most that the next call can take."""
        most = Usage(input_tokens=input_tokens, output_tokens=output_tokens, seconds=seconds)
        self._held = self._priced(most)
        if self._account.budget.is_limited:
            kept = self._held.model_dump_json().encode()
            await self._ledger.record(_held(self._name, self._number), kept)

    async def settle(self, used: Usage | None) -> Usage:
        """Take off what the call used, or if nobody knows (None) the most it can have.

        Returns what was used, with its cost.
        """
        priced = self._priced(used) if used is not None else Usage()
        self.used = self.used + priced
        self._account.spend(priced if used is not None else self._held)
        if self._account.budget.is_limited and used is not None:
            await self._ledger.record(
                _spent(self._name, self._number), priced.model_dump_json().encode()
            )
        self._number += 1
        return priced

    def save(self) -> None:
        """Count a call that the cache answered."""
        self.used = self.used + Usage(saved_calls=1)

    def _priced(self, usage: Usage) -> Usage:
        price = self._account.price
        return usage if price is None else usage.model_copy(update={"cost": price.of(usage)})


def _held(name: str, number: int) -> str:
    return f"held:{name}:{number}"


def _spent(name: str, number: int) -> str:
    return f"spent:{name}:{number}"
