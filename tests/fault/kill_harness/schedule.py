"""The schedule of blows: seeded, so that a run can be made again as far as real processes allow."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from tests.fault.kill_harness.evidence import Blow

_EMBEDDED: Final = {
    Blow.KILL_ORCHESTRATOR: 4,
    Blow.KILL_SPECIALIST: 6,
    Blow.DRAIN_ORCHESTRATOR: 1,
    Blow.DRAIN_SPECIALIST: 2,
}

DECKS: Final = {
    "sqlite": _EMBEDDED,
    "rabbitmq": {
        **_EMBEDDED,
        Blow.KILL_RECORDER: 3,
        Blow.KILL_BROKER: 1,
        Blow.FLUSH_LEDGER: 1,
        Blow.KILL_LEDGER: 2,
    },
}
"""How often each blow falls before the deck is shuffled again."""

SHORT_DECKS: Final = {bus: dict.fromkeys(deck, 1) for bus, deck in DECKS.items()}
"""Each blow once."""


def schedule(
    seed: int, deck: dict[Blow, int], *, pause: tuple[float, float]
) -> Iterator[tuple[float, Blow]]:
    """Pauses in seconds and the blow after each, for ever: the deck, shuffled again and again."""
    draw = random.Random(seed)
    cards: Sequence[Blow] = [blow for blow, times in deck.items() for _ in range(times)]
    while True:
        for blow in draw.sample(cards, len(cards)):
            yield draw.uniform(*pause), blow
