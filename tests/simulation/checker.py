"""What must be true of every run, whatever befell it: the invariants, checked after the fact.

| checked | invariant |
|---|---|
| an accepted request ends, once, and its client hears of it | I1 |
| all copies of a report, and of a result, are the same | I2 |
| a result is paid for again only if whoever was paid died before it was recorded | I4 |
| nothing is held or waits in the end; nothing acknowledged is lost | I6 |
| what is parked says why, and whoever waits for it is told | I7 |
| no work begins after its deadline or its cancellation, nor goes on after the order | I8 |

A payment may be repeated where it could not be kept because its process died or was stopped.

*Not here*: I3, I5 and I10 hold in the simulation by construction of its ledger and broker, and are
for the contract and fault tests of real ones.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from agents.domain.identity import cancel_key, task_key
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.task import TaskAssigned, TaskCompleted, TaskFailed
from bus import Fault, parse
from bus.domain.codec import Event, format_instant
from bus.domain.envelope import Envelope
from bus.ledger import Recorded
from tests.simulation.chance import QUICK, SLOW
from tests.simulation.journal import Moment
from tests.simulation.virtual_loop import EPOCH
from tests.simulation.world import Outcome

LOOKS: Final = 15.0
"""Seconds within which a client that hears nothing has looked for a report itself."""

WAYS: Final = 6
"""Ways over the wire between the arrival of an order to cancel and the end of running work: it is
acknowledged and the tombstone recorded first."""

UNDER_WAY: Final = 10.0
"""Seconds that may pass between a look for the tombstone and the begin of work."""


def violations(outcome: Outcome) -> list[str]:
    """0..n sentences, each about something that must never be."""
    return list(_Checker(outcome).all())


class _Checker:
    def __init__(self, outcome: Outcome) -> None:
        self._journal = outcome.journal
        self._broker = outcome.broker
        self._ledger = outcome.ledger
        self._by_type: dict[str, list[tuple[float, Envelope, Event]]] = defaultdict(list)
        for at, envelope in outcome.broker.accepted:
            self._by_type[envelope.message_type].append((at, envelope, parse(envelope.body)))
        self._deadlines = {
            event.conversation: (event.expires_at - EPOCH).total_seconds()
            for _, _, event in self._by_type[AnalysisRequested.message_type]
            if event.expires_at is not None
        }
        self._reports: dict[str, list[tuple[float, Any]]] = defaultdict(list)
        for at, _, event in self._by_type[ReportPublished.message_type]:
            self._reports[event.conversation].append((at, event.data))
        slowest = SLOW[1] if outcome.profile.delayed else QUICK[1]
        self._promptly = WAYS * slowest
        self._losses: dict[str, list[Moment]] = defaultdict(list)
        for moment, envelope in outcome.journal.lost:
            if envelope.message_type == TaskAssigned.message_type:
                self._losses[parse(envelope.body).data["task_id"]].append(moment)
        self._cancelled = {
            event.data["request_id"]
            for _, _, event in self._by_type[AnalysisCancelled.message_type]
        }
        self._orders: dict[tuple[str, str], float] = {}
        for moment, envelope in outcome.journal.heard:
            if envelope.message_type == AnalysisCancelled.message_type:
                request_id = parse(envelope.body).data["request_id"]
                self._orders.setdefault((request_id, moment.life), moment.at)
        self._letters = defaultdict(list)
        for letter in outcome.broker.parked:
            self._letters[letter.envelope.id].append(letter)

    def all(self) -> Iterator[str]:
        yield from self._journal.accidents
        yield from self._requests_end_once()
        yield from self._clients_hear_of_it()
        yield from self._copies_are_the_same()
        yield from self._nothing_acknowledged_is_lost()
        yield from self._nothing_finished_is_parked()
        yield from self._parked_messages_speak()
        yield from self._work_is_paid_for_once()
        yield from self._work_is_in_time()

    def _requests_end_once(self) -> Iterator[str]:
        seen: set[str] = set()
        for _, envelope, event in self._by_type[AnalysisRequested.message_type]:
            if envelope.id in seen:
                continue
            seen.add(envelope.id)
            is_reported = event.conversation in self._reports
            is_parked = envelope.id in self._letters
            if not is_reported and not is_parked:
                yield f"I1: request {event.conversation} was accepted and never ended."
            if is_reported and is_parked:
                (letter, *_) = self._letters[envelope.id]
                reported_at = self._reports[event.conversation][0][0]
                is_later = letter.parked_at >= format_instant(
                    EPOCH + timedelta(seconds=reported_at)
                )
                if not is_later:
                    yield (
                        f"I1: request {event.conversation} was parked as {letter.reason} and got "
                        f"a report afterwards: {letter.error}"
                    )

    def _clients_hear_of_it(self) -> Iterator[str]:
        for request_id, asked in self._journal.asked.items():
            if asked.ending is None:
                yield f"I1: the client of {request_id} waits for ever."
            if asked.ending == "reported":
                continue
            ready_at = asked.ended_at - (LOOKS if asked.ending == "timed_out" else 0.0)
            if any(at < ready_at for at, _ in self._reports.get(request_id, ())):
                yield f"I1: the client of {request_id} was not given the report that was there."

    def _copies_are_the_same(self) -> Iterator[str]:
        for request_id, copies in self._reports.items():
            first = copies[0][1]
            if any(content != first for _, content in copies):
                yield f"I2: request {request_id} has reports that differ."
            asked = self._journal.asked.get(request_id)
            if asked is not None and asked.report is not None:
                received = ReportPublished.model_validate_json(asked.report)
                if received != ReportPublished.model_validate(first):
                    yield f"I2: the client of {request_id} received another report."
        results: dict[str, Any] = {}
        for kind in (TaskCompleted, TaskFailed):
            for _, _, event in self._by_type[kind.message_type]:
                if results.setdefault(event.data["task_id"], event.data) != event.data:
                    yield f"I2: task {event.data['task_id']} was answered in two ways."

    def _nothing_acknowledged_is_lost(self) -> Iterator[str]:
        for _, envelope in self._broker.acked:
            if envelope.message_type != TaskAssigned.message_type:
                continue
            task = TaskAssigned.model_validate(parse(envelope.body).data)
            is_cancelled = task.request_id in self._cancelled
            if not is_cancelled and not self._recorded(task_key(task.task_id)):
                yield f"I6: task {task.task_id} was acknowledged without a result."
        if not self._broker.is_empty:
            yield "I6: something waits or is held although the world is at rest."

    def _nothing_finished_is_parked(self) -> Iterator[str]:
        for letters in self._letters.values():
            for letter in letters:
                if letter.envelope.message_type != TaskAssigned.message_type:
                    continue
                task = TaskAssigned.model_validate(parse(letter.envelope.body).data)
                known = self._journal.told.get(task_key(task.task_id), [])
                if known and letter.reason != "expired":
                    yield (
                        f"I7: task {task.task_id} has a result and was parked as "
                        f"{letter.reason}: {letter.error}"
                    )

    def _parked_messages_speak(self) -> Iterator[str]:
        told = {
            (event.causation_id, envelope.topic)
            for _, envelope, event in self._by_type[Fault.message_type]
        }
        for letters in self._letters.values():
            for letter in letters:
                if not (letter.reason and letter.error and letter.group and letter.host):
                    yield f"I7: {letter.id} does not say why, where and by whom it was parked."
                address = letter.envelope.reply_to
                if address is None or address in self._journal.dead_letterboxes:
                    continue
                if (letter.envelope.id, address) not in told:
                    yield (
                        f"I7: {letter.envelope.topic} {letter.envelope.id} was parked as "
                        f"{letter.reason}, and {address} was not told."
                    )

    def _work_is_paid_for_once(self) -> Iterator[str]:
        for task, payments in self._journal.paid.items():
            unexcused = [payment for payment in payments if not self._is_excused(task, payment)]
            if len(unexcused) > 1:
                lives = ", ".join(f"{payment.life} at {payment.at:.3f}" for payment in payments)
                yield f"I4: task {task} was paid for {len(payments)} times: {lives}."

    def _is_excused(self, task: str, payment: Moment) -> bool:
        """Whether what was paid for could not be kept."""
        key, life = task_key(task), payment.life
        later = [
            begin.at
            for begin in self._journal.began[task]
            if begin.life == life and begin.at > payment.at
        ]
        until = min(later, default=math.inf)

        def has(moments: Iterable[Moment]) -> bool:
            return any(
                moment.life == life and payment.at <= moment.at < until for moment in moments
            )

        if has(self._journal.recorded.get(key, [])):
            return False
        return life in self._journal.deaths or life in self._journal.stops

    def _work_is_in_time(self) -> Iterator[str]:
        for task, begins in self._journal.began.items():
            request = self._journal.request_of[task]
            deadline = self._deadlines[request]
            tombstones = self._journal.recorded.get(cancel_key(request), [])
            for begin in begins:
                if begin.at > deadline:
                    yield f"I8: task {task} was begun after its deadline, at {begin.at:.3f}."
                if tombstones and begin.at > tombstones[0].at + UNDER_WAY:
                    yield f"I8: task {task} was begun after its cancellation, at {begin.at:.3f}."
            for payment in self._journal.paid.get(task, []):
                ordered = self._orders.get((request, payment.life))
                began = max(begin.at for begin in begins if begin.at <= payment.at)
                if ordered is not None and began < ordered < payment.at - self._promptly:
                    yield f"I8: task {task} went on after it was cancelled, to {payment.at:.3f}."

    def _recorded(self, key: str) -> bool:
        return isinstance(self._ledger.look_up([key]).get(key), Recorded)
