"""The names under which the work of a request is claimed, recorded and announced.

All are derived from the request's key, so that whoever takes over finds what was done before.
"""

from hashlib import sha256

from bus.domain.message import MessageId, Payload, derived_id


def request_digest(content: Payload, subject: str) -> str:
    """SHA-256 over what was asked, and by whom."""
    return sha256(f"{subject}\n{content.model_dump_json()}".encode()).hexdigest()


def task_id(request_id: str, role: str, plan: bytes) -> str:
    """The identity of one role's part under one recorded plan."""
    return derived_id("task", request_id, role, sha256(plan).hexdigest())


def message_id(request_id: str, what: str) -> MessageId:
    """The id of the one message that announces `what` of a request."""
    return MessageId(derived_id(what, request_id))


def plan_key(request_id: str) -> str:
    """Under which the plan is recorded in the ledger."""
    return f"plan:{request_id}"


def task_key(task: str) -> str:
    """Under which a task is claimed and its result recorded."""
    return f"task:{task}"


def synthesis_key(request_id: str) -> str:
    """Under which the synthesis is recorded, which a model may have been paid for."""
    return f"synthesis:{request_id}"


def round_key(request_id: str, number: int) -> str:
    """Under which the assignments of a further round are recorded."""
    return f"round:{request_id}:{number}"


def report_key(request_id: str) -> str:
    """Under which the report is recorded."""
    return f"report:{request_id}"


def cancel_key(request_id: str, by: str = "") -> str:
    """Under which a cancellation is recorded: the tombstone that later tasks find.

    `by` is who ordered it, and counts for their own request alone; empty is an operator.
    """
    return f"cancel:{request_id}:{by}" if by else f"cancel:{request_id}"


def cancel_keys(request_id: str, subject: str) -> tuple[str, str]:
    """Where to look for a cancellation of what `subject` asked for."""
    return cancel_key(request_id), cancel_key(request_id, subject)
