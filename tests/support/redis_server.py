"""A private Redis server for tests: own port, nothing on disk, ended by its own pid."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

_START_TIMEOUT = 20.0


class RedisTime:
    """Lets the server's clock go on for claims, by taking the seconds from what is left of them."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def advance(self, seconds: float) -> None:
        for key in self._client.scan_iter("convener:claim:*"):
            left = self._client.pttl(key) - round(seconds * 1000)
            if left > 0:
                self._client.pexpire(key, left)
            else:
                self._client.delete(key)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server that all tests share is reached."""
    with running_redis(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[int]:
    """The port of a server with `options`, of which those for TLS leave it no other."""
    executable = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if executable is None:
        reason = "no redis-server is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    is_encrypted = any(option.startswith("--tls") for option in options)
    ports = ["--port", "0", "--tls-port", str(port)] if is_encrypted else ["--port", str(port)]
    kept = ["--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([executable, *ports, *kept, *options], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_TIMEOUT
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < end, "the private Redis server did not start"
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
