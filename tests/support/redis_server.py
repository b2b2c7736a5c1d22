"""A private Redis server for tests: own port, nothing on disk, ended by its own pid."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
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
    executable = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if executable is None:
        reason = "no redis-server is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([executable, *options], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_TIMEOUT
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < end, "the private Redis server did not start"
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
