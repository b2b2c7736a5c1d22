"""Rights on the broker as regular expressions, without a broker."""

import re

import pytest

from agents.broker_users import duties, groups, permissions_script
from agents.errors import AgentUsageError
from bus.errors import UsageError
from bus.rabbitmq import Rights, rights
from bus.transports.rabbitmq_topology import Queue, group_topology, own_queue, shared_topology


def grants(pattern: str, name: str) -> bool:
    """As the broker matches it."""
    return re.search(pattern, name) is not None


def worker(*roles: str) -> Rights:
    return rights("w", duties("worker", roles))


def test_a_worker_reads_the_queues_of_its_roles_and_its_own() -> None:
    given = worker("sql", "tax")
    for name in ("convener.agent.sql", "convener.agent.tax", own_queue("w"), "convener"):
        assert grants(given.read, name)
    for name in ("convener.agent.sqlite", "convener.agent.s", own_queue("v"), own_queue("w-x")):
        assert not grants(given.read, name)


def test_only_who_provisions_creates_what_is_shared() -> None:
    declared = [*shared_topology(), *group_topology("agent.sql", "task.sql")]
    names = [each.name for each in declared if isinstance(each, Queue)]
    provisioner = rights("p", duties("provisioner"))
    for kind in ("client", "auditor", "operator", "orchestrator"):
        assert not any(grants(rights("u", duties(kind)).configure, name) for name in names)
    assert not any(grants(worker("sql").configure, name) for name in names)
    assert all(grants(provisioner.configure, name) for name in names)
    assert not grants(provisioner.configure, "somebody.elses")


def test_a_pattern_is_bound_as_it_stands_or_with_words_that_are_known() -> None:
    _, bound = worker("sql").topics["convener"]
    for key in ("control.#", "reply.w.worker-0a1b", "event.circuit.changed"):
        assert grants(bound, key)
    for key in ("control.x", "reply.#", "reply.w.#", "reply.w.*", "reply.v.x", "#", "event.#"):
        assert not grants(bound, key)


def test_a_role_is_no_pattern() -> None:
    published, _ = worker("sql").topics["convener.return"]
    assert grants(published, "convener.agent.sql")
    assert not grants(published, "convener-agent.sql")


def test_who_has_two_kinds_has_both_rights() -> None:
    client, both = (
        rights("u", each) for each in (duties("client"), duties("client") | duties("auditor"))
    )
    assert not grants(client.read, "convener.history")
    assert grants(both.read, "convener.history")
    published, _ = both.topics["convener"]
    for topic in ("analysis.requested", "event.history.marked", "event.audit.recorded"):
        assert grants(published, topic)


def test_what_is_provisioned_is_what_a_panel_serves() -> None:
    assert groups(["sql"]) == {"orchestrator": "analysis.requested", "agent.sql": "task.sql"}


def test_the_script_says_everything_in_the_words_of_a_shell() -> None:
    script = permissions_script(["ann:client", "ann:auditor"], vhost="a b")
    assert script.count("set_permissions -p 'a b' ann ") == 1
    assert "rabbitmqctl set_topic_permissions -p 'a b' ann convener '^(" in script


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ann", "write USER:KIND"),
        ("ann:king", "write USER:KIND"),
        ("ann:worker", "any number of roles"),
        ("ann:client:sql", "any number of roles"),
        ("ann:worker:S Q L", "is no role"),
        ("ann:worker:orchestrator", "not a specialist's"),
    ],
)
def test_what_names_no_user_is_refused_in_one_sentence(text: str, why: str) -> None:
    with pytest.raises(AgentUsageError, match=why):
        permissions_script([text])


@pytest.mark.parametrize("user", ["", "ann b", "a.b", "ü", "x" * 65])
def test_a_name_that_does_not_fit_into_names_of_queues_is_refused(user: str) -> None:
    with pytest.raises(UsageError, match="up to 64 letters"):
        rights(user, duties("client"))
