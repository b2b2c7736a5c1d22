"""`Blockade`: whether the broker takes messages on a connection, and waiting until it does.

A broker that is short of memory or of disk reads nothing more from whoever publishes: what is
written then lies in the network, neither accepted nor refused. So it is better not written at all.

*Source*: RabbitMQ, "Blocked Connection Notifications".
"""

import asyncio

from bus.errors import RefusedError


class Blockade:
    """What the broker said about one connection, last."""

    def __init__(self) -> None:
        self.reason = ""
        """Why it takes nothing, in the broker's words; empty while it takes messages."""
        self._lifted = asyncio.Event()
        self._lifted.set()

    def heard(self, reason: str) -> None:
        """The broker gave a `reason` to take nothing, or an empty one to go on."""
        self.reason = reason
        if reason:
            self._lifted.clear()
        else:
            self._lifted.set()

    async def lifted(self, timeout: float) -> None:
        """Return once the broker takes messages, or once the connection is gone.

        Raises:
            RefusedError: it still takes none after `timeout` seconds; nothing was sent.
        """
        if self._lifted.is_set():
            return
        try:
            async with asyncio.timeout(timeout) as timer:
                await self._lifted.wait()
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise RefusedError(
                f"The broker takes no messages for the time being ({self.reason}): "
                "free memory or disk space where it runs."
            ) from error
