"""A broker in which something of everything goes wrong, and a Prometheus that watches it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.support.prometheus_server import PrometheusServer, running_prometheus
from tests.support.rabbitmq_node import RabbitmqNode

VHOST = "shop"
ADDRESS = "127.0.0.1"
READY = f'rabbitmq_detailed_queue_messages_ready{{queue="orders",vhost="{VHOST}"}}'
BACKLOG = 1_500


@dataclass(frozen=True)
class BusyBroker:
    """`VHOST` holds the queues that `busy_broker` fills."""

    node: RabbitmqNode
    prometheus: PrometheusServer

    def url(self, *, login: str = "", vhost: str = VHOST, table: str = "") -> str:
        """The address as a user writes it."""
        who, what = f"{login}@" if login else "", f"?table={table}" if table else ""
        return f"rabbitmq://{who}{ADDRESS}:{self.node.management_port}/{vhost}{what}"

    def wait_for_a_minute(self) -> None:
        """Returns once the queues have been full for a minute, as the broker itself remembers."""
        self.prometheus.wait_for(f"{READY} offset 62s > 1000", at_most=100)
        end = time.monotonic() + 60
        while not all(self._has_been_full(queue) for queue in ("orders", "slow", "held")):
            assert time.monotonic() < end, "the broker counts nothing, or forgets"
            time.sleep(0.5)

    def _has_been_full(self, queue: str) -> bool:
        minute = "lengths_age=65&lengths_incr=5"
        told = json.loads(self.node.management("GET", f"/api/queues/{VHOST}/{queue}?{minute}"))
        samples = told.get("messages_details", {}).get("samples", ())
        return len(samples) > 1 and all(each["sample"] > 1_000 for each in samples)

    def wait_for_alarm(self, *, is_raised: bool) -> None:
        """Returns once the broker and Prometheus tell of a memory alarm, or of none."""
        end = time.monotonic() + 20
        while json.loads(self.node.management("GET", "/api/nodes"))[0]["mem_alarm"] != is_raised:
            assert time.monotonic() < end, "the broker said nothing of its alarm"
            time.sleep(0.2)
        value = int(is_raised)
        self.prometheus.wait_for(f"rabbitmq_alarms_memory_used_watermark == {value}", at_most=20)


@contextmanager
def busy_broker(node: RabbitmqNode, folder: Path) -> Iterator[BusyBroker]:
    """Queues that pile up for each reason, some that only look so, and messages without a queue."""
    target = {"targets": [f"{ADDRESS}:{node.metrics_port}"]}
    families = ["queue_coarse_metrics", "queue_consumer_count"]
    jobs = [
        {"job_name": "broker", "static_configs": [target]},
        {
            "job_name": "queues",
            "metrics_path": "/metrics/detailed",
            "params": {"family": families},
            "static_configs": [target],
        },
        {"job_name": "gone", "static_configs": [{"targets": [f"{ADDRESS}:1"]}]},
    ]
    node.create_vhost(VHOST)
    with running_prometheus(folder, jobs) as prometheus:
        where = pika.URLParameters(f"{node.url(VHOST)}?heartbeat=0")
        connection = pika.BlockingConnection(where)
        try:
            _fill(connection)
            _wait_for_figures(node)
            yield BusyBroker(node=node, prometheus=prometheus)
        finally:
            if connection.is_open:
                connection.close()


def _wait_for_figures(node: RabbitmqNode) -> None:
    """Until the broker has counted: it does so every five seconds, on a busy machine later."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        channels = json.loads(node.management("GET", "/api/channels"))
        queues = json.loads(node.management("GET", f"/api/queues/{VHOST}"))
        if channels and all("messages" in each for each in queues):
            return
        time.sleep(0.5)
    raise AssertionError("The broker counts nothing.")


def _fill(connection: pika.BlockingConnection) -> None:
    channel = connection.channel()
    _queue(channel, "orders", BACKLOG)
    _queue(channel, "alone", 5)
    _queue(channel, "quiet", 0)
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "parked"}
    _queue(channel, "retries", 5, **dead, **{"x-message-ttl": 3_600_000})
    _queue(channel, "parked", 4)
    _queue(channel, "log", BACKLOG, **{"x-queue-type": "stream"})
    _queue(channel, "slow", BACKLOG)
    _queue(channel, "held", BACKLOG)
    slow, held = connection.channel(), connection.channel()
    slow.basic_qos(prefetch_count=1)
    slow.basic_consume("slow", lambda *_: None)
    taken: list[int] = []
    held.basic_consume("held", lambda *_: taken.append(1))
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish("", "nowhere", b"x")
    for _ in range(2):
        with suppress(pika.exceptions.UnroutableError):
            channel.basic_publish("", "nowhere", b"x", mandatory=True)
    while len(taken) < BACKLOG:
        connection.process_data_events(time_limit=0.1)


def _queue(channel: BlockingChannel, name: str, messages: int, **arguments: object) -> None:
    channel.queue_declare(name, durable=True, arguments=arguments)
    for _ in range(messages):
        channel.basic_publish("", name, b"x")
