"""A private Prometheus for tests: own port, own data, ended by its own pid.

Missing software skips a test when run by hand and fails it in CI.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_TIMEOUT = 30.0


class PrometheusServer:
    """A server that reads its targets every second."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, query: str = "") -> str:
        """The address as a user writes it."""
        return f"prometheus+http://127.0.0.1:{self.port}{'?' if query else ''}{query}"

    def ask(self, query: str) -> list[dict[str, object]]:
        """The series that the query gives now."""
        asked = urllib.parse.urlencode({"query": query})
        address = f"http://127.0.0.1:{self.port}/api/v1/query?{asked}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            result: list[dict[str, object]] = json.load(answer)["data"]["result"]
            return result

    def wait_for(self, query: str, *, at_most: float) -> None:
        """Returns once the query gives a series."""
        end = time.monotonic() + at_most
        while not self.ask(query):
            assert time.monotonic() < end, f"{query} gave nothing"
            time.sleep(0.5)


@contextmanager
def running_prometheus(
    folder: Path, targets: Sequence[dict[str, object]]
) -> Iterator[PrometheusServer]:
    """A started server with `targets`, each a scrape configuration; killed at the end."""
    executable = shutil.which("prometheus")
    if executable is None:
        reason = "no prometheus is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = PrometheusServer(free.getsockname()[1])
    settings = folder / "prometheus.yml"  # JSON is YAML
    settings.write_text(
        json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": list(targets)})
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                executable,
                f"--config.file={settings}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{server.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + _START_TIMEOUT
        while not _is_ready(server.port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, "the private Prometheus did not start"
            time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.HTTPError):
        return False
