"""What the attacker tries, by name: against which threat, how, and what must come of it."""

import gzip

from agents.messages import FORCE_CIRCUIT_TOPIC
from tests.support.attacker import (
    Attack,
    altered,
    answered_at,
    as_task,
    audit_record,
    cancel_anothers,
    captured_token,
    completed,
    confused,
    copied,
    force,
    forged,
    nested,
    of_another_bus,
    raw,
    repeat_with_other_content,
    replayed,
    report,
    retyped,
    task,
    to_queue,
    undecodable,
    unknown_type,
    unsigned,
    with_token,
)
from tests.support.parties import Party

CARBON_COPIES = "carbon copies"

ATTACKS = {
    "a task to its topic": Attack("forged sender", "refused", forged(task, "task.counter")),
    "a task as a request": Attack("forged sender", "parked", as_task()),
    "a task as somebody else's user": Attack("forged sender", "refused", as_task(user_id="ann")),
    "a task as the orchestrator's user": Attack(
        "forged sender", "refused", as_task(user_id="orchestrator")
    ),
    "a task to a queue": Attack("forged sender", "refused", to_queue("", "convener.agent.counter")),
    "a task to be sent back": Attack(
        "forged sender", "refused", to_queue("convener.return", "convener.agent.counter")
    ),
    "a task to be retried": Attack(
        "forged sender", "refused", to_queue("convener.retry.1s", "convener.agent.counter")
    ),
    "a task among the dead letters": Attack(
        "forged sender", "refused", to_queue("convener.dlx", "task.counter")
    ),
    "a task with routing marks of ours": Attack(
        "forged sender",
        "parked",
        as_task(headers={"convener-topic": "task.counter", "convener-attempt": "9"}),
    ),
    "a task that expires into the dead letters": Attack(
        "forged sender",
        "parked",
        as_task(headers={"convener-topic": "task.counter"}, expiration="0"),
    ),
    "a task by CC": Attack(CARBON_COPIES, "parked", copied(task, "task.counter", "CC")),
    "a task by BCC": Attack(CARBON_COPIES, "parked", copied(task, "task.counter", "BCC")),
    "an order by BCC": Attack(CARBON_COPIES, "parked", copied(force, FORCE_CIRCUIT_TOPIC, "BCC")),
    "a report by BCC": Attack(CARBON_COPIES, "parked", copied(report, "VICTIM", "BCC")),
    "a report to all by BCC": Attack(
        CARBON_COPIES, "parked", copied(report, "event.report.published", "BCC")
    ),
    "a result to the victim": Attack("forged role", "refused", forged(completed, "reply.ann.x")),
    "a report to the victim": Attack("forged role", "refused", forged(report, "reply.ann.x")),
    "a report to all": Attack("forged role", "refused", forged(report, "event.report.published")),
    "a report as a request": Attack(
        "forged role", "parked", forged(report, "analysis.requested", via="analysis.requested")
    ),
    "an order of operators": Attack("forged role", "refused", forged(force, FORCE_CIRCUIT_TOPIC)),
    "an order of operators as another one": Attack(
        "forged role", "ignored", forged(force, FORCE_CIRCUIT_TOPIC, via="control.circuits.asked")
    ),
    "an order against another's request": Attack("forged role", "harmless", cancel_anothers),
    "a reply to oneself, sent on to a victim": Attack(
        "token replay", "parked", replayed("BCC", "VICTIM")
    ),
    "a reply to oneself, sent to all": Attack(
        "token replay", "parked", replayed("BCC", "event.report.published")
    ),
    "the token of a reply on a request": Attack(
        "token replay", "parked", with_token(captured_token)
    ),
    "a request again with another content": Attack(
        "token replay", "parked", repeat_with_other_content
    ),
    "a token that has expired": Attack(
        "expiry in queue", "parked", with_token(lambda eve: eve.issued(lifetime=-60.0))
    ),
    "no token": Attack("JWT misuse", "parked", with_token(lambda _: None)),
    "nonsense": Attack("JWT misuse", "parked", with_token(lambda _: "a.b.c")),
    "no algorithm": Attack("JWT misuse", "parked", with_token(unsigned)),
    "a public key as a secret": Attack("JWT misuse", "parked", with_token(confused)),
    "more permissions": Attack("JWT misuse", "parked", with_token(altered)),
    "another audience": Attack("JWT misuse", "parked", with_token(of_another_bus)),
    "another issuer": Attack(
        "JWT misuse",
        "parked",
        with_token(lambda eve: eve.issued(issuer=Party("issuer", "access"))),
    ),
    "a person's token as a service's": Attack(
        "JWT misuse", "parked", with_token(retyped("convener-message+jwt"))
    ),
    "a person's token as a task's": Attack(
        "JWT misuse", "parked", with_token(retyped("convener-task+jwt"))
    ),
    "an answer to a worker's queue": Attack(
        "confused deputy", "parked", answered_at("convener.agent.counter")
    ),
    "an answer to a topic of work": Attack(
        "confused deputy", "parked", answered_at("task.counter")
    ),
    "an answer to another's queue": Attack(
        "confused deputy", "parked", answered_at("convener-ann-" + "0" * 32)
    ),
    "an answer to the history": Attack(
        "confused deputy", "parked", answered_at("convener.history")
    ),
    "deep JSON": Attack("bombs", "parked", raw(b"[" * 100_000)),
    "a name twice": Attack("bombs", "parked", raw(b'{"specversion":"1.0","id":"1","id":"2"}')),
    "no number": Attack("bombs", "parked", raw(b'{"specversion":NaN}')),
    "half a character": Attack("bombs", "parked", raw(b'{"id":"\\ud800"}')),
    "too much": Attack("bombs", "parked", raw(b'"' + b"x" * (1 << 20) + b'"')),
    "compressed": Attack(
        "bombs", "parked", raw(gzip.compress(b"0" * (20 << 20)), content_encoding="gzip")
    ),
    "many headers": Attack(
        "bombs",
        "parked",
        raw(b'{"many":1}', headers={f"h{each}": "x" * 1000 for each in range(60)}),
    ),
    "more headers than a frame holds": Attack(
        "bombs", "refused", raw(b"{}", headers={f"h{each}": "x" * 1000 for each in range(200)})
    ),
    "tables of headers": Attack("bombs", "parked", raw(b"{}", headers=nested(60))),
    "properties that are no text": Attack("undecodable frames", "parked", undecodable),
    "an unknown kind": Attack("unknown kinds", "parked", raw(unknown_type())),
    "a record of the audit": Attack(
        "audit tampering", "refused", forged(audit_record, "event.audit.recorded")
    ),
    "a record of the audit as a request": Attack(
        "audit tampering",
        "parked",
        forged(audit_record, "event.audit.recorded", via="analysis.requested"),
    ),
}
