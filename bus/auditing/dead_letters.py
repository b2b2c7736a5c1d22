"""`AuditedDeadLetters`: dead letters with which nothing is done before it is recorded.

*Source*: Gamma et al., "Design Patterns" (1994), Decorator.
"""

from collections.abc import Sequence
from dataclasses import replace

from bus.auditing.audit import Audit
from bus.dead_letter import DeadLetter, DeadLetters
from bus.domain.envelope import Headers


class AuditedDeadLetters:
    """Implements `DeadLetters` by `inner`."""

    def __init__(self, inner: DeadLetters, audit: Audit) -> None:
        self.inner = inner
        self._audit = audit

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        return await self.inner.list(limit)

    async def get(self, id: str) -> DeadLetter | None:
        return await self.inner.get(id)

    async def redrive(
        self, id: str, *, body: bytes | None = None, headers: Headers | None = None
    ) -> bool:
        letter = await self.inner.get(id)
        if letter is not None:
            await self._record("redrive" if body is None else "replace", letter, body)
        return await self.inner.redrive(id, body=body, headers=headers)

    async def discard(self, id: str) -> bool:
        letter = await self.inner.get(id)
        if letter is not None:
            await self._record("discard", letter)
        return await self.inner.discard(id)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def _record(self, action: str, letter: DeadLetter, body: bytes | None = None) -> None:
        envelope = letter.envelope if body is None else replace(letter.envelope, body=body)
        self._audit.note(action, envelope=envelope)
        await self._audit.flush()
