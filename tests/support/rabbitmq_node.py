"""A private RabbitMQ server for tests: own ports, own data, ended by its own process group.

It survives nothing but its data folder, so that a test may kill it at any moment and start it again
on the same ports. Missing software skips a test when run by hand and fails it in CI.
"""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import aiormq  # noqa: F401 - reads its version from a file, which must not happen in a test's loop
import pytest

from bus.rabbitmq import Rights
from tests.support.certificates import Certificates

_START_TIMEOUT = 60.0
_PLUGINS = "[rabbitmq_management]."
_WATCHED_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."
_ERLANG_ARGUMENTS = (
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)


class RabbitmqNode:
    """One server; `start` and `kill` may alternate as often as a test likes.

    With `is_watched` it keeps statistics, and tells them to Prometheus too. With `certificates` it
    also listens on `tls_port`, to those who present one of the same authority.
    """

    def __init__(
        self,
        folder: Path,
        executable: Path,
        *,
        is_watched: bool = False,
        certificates: Certificates | None = None,
    ) -> None:
        self.name = f"convener-{uuid4().hex[:12]}@localhost"
        self._folder = folder
        self._executable = executable
        self._is_watched = is_watched
        self._certificates = certificates
        (
            self.port,
            self.tls_port,
            self.management_port,
            self.metrics_port,
            self._distribution_port,
        ) = _free_ports(5)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "output.log"
        self._configure()

    def url(self, vhost: str = "/", *, port: int | None = None) -> str:
        """Where clients connect; `port` puts something between them and the server."""
        path = "%2F" if vhost == "/" else vhost
        return f"amqp://guest:guest@127.0.0.1:{port or self.port}/{path}"

    def start(self) -> None:
        """Returns once the server shakes hands."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._executable],
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        end = time.monotonic() + _START_TIMEOUT
        while not self._shakes_hands():
            if self._process.poll() is not None or time.monotonic() > end:
                tail = self._log.read_text(errors="replace")[-2000:]
                self.kill()
                pytest.fail(f"the private RabbitMQ server did not start:\n{tail}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would: no goodbye to anybody."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """A fresh virtual host that `guest` may use; gone afterwards if the server still runs."""
        name = f"test-{uuid4().hex[:12]}"
        self.create_vhost(name)
        try:
            yield name
        finally:
            if self._process is not None:
                self.management("DELETE", f"/api/vhosts/{name}")

    def create_vhost(self, name: str) -> None:
        self.management("PUT", f"/api/vhosts/{name}", "{}")
        self.permit("guest", name)

    def permit(
        self,
        user: str,
        vhost: str,
        *,
        configure: str = ".*",
        write: str = ".*",
        read: str = ".*",
    ) -> None:
        """Give `user` these rights, each a regular expression over names."""
        body = json.dumps({"configure": configure, "write": write, "read": read})
        self.management("PUT", f"/api/permissions/{vhost}/{user}", body)

    def create_user(self, name: str, password: str, *, tags: str = "") -> None:
        """`tags` say what of the management interface the user may see."""
        user = {"password": password, "tags": tags}
        self.management("PUT", f"/api/users/{name}", json.dumps(user))

    def set_policy(self, vhost: str, queue: str, definition: Mapping[str, object]) -> None:
        """Have the policy `definition` apply to `queue`; it goes with the virtual host."""
        policy = {
            "pattern": f"^{re.escape(queue)}$",
            "definition": definition,
            "apply-to": "queues",
        }
        self.management("PUT", f"/api/policies/{vhost}/{queue}", json.dumps(policy))

    def grant(self, user: str, vhost: str, rights: Rights) -> None:
        """Give `user` exactly `rights`."""
        self.permit(user, vhost, configure=rights.configure, write=rights.write, read=rights.read)
        for exchange, (write, read) in rights.topics.items():
            body = json.dumps({"exchange": exchange, "write": write, "read": read})
            self.management("PUT", f"/api/topic-permissions/{vhost}/{user}", body)

    def run_script(self, script: str) -> None:
        """Run commands for `rabbitmqctl`, as an operator does where the server runs."""
        control = f'rabbitmqctl() {{ {self._control} -n {self.name} "$@"; }}'
        done = subprocess.run(
            ["bash", "-e", "-c", f"{control}\n{script}"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)

    def evaluate(self, expression: str) -> str:
        """What the Erlang `expression` gives inside the server."""
        done = subprocess.run(
            [self._control, "-n", self.name, "eval", f"{expression}."],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, (expression, done.stdout, done.stderr)
        return done.stdout.strip()

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """A server that believes to be out of memory, and blocks whoever publishes."""
        before = self.evaluate("vm_memory_monitor:get_vm_memory_high_watermark()")
        self.evaluate("vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1})")
        try:
            yield
        finally:
            self.evaluate(f"vm_memory_monitor:set_vm_memory_high_watermark({before})")

    @contextmanager
    def consumer_timeout(self, seconds: float) -> Iterator[None]:
        """Channels opened meanwhile may keep a delivery that long; both settings are read then."""
        names = ("consumer_timeout", "channel_tick_interval")
        before = [self.evaluate(f"application:get_env(rabbit, {name}, none)") for name in names]
        milliseconds = int(1000 * seconds)
        for name in names:
            self.evaluate(f"application:set_env(rabbit, {name}, {milliseconds})")
        try:
            yield
        finally:
            for name, value in zip(names, before, strict=True):
                self.evaluate(f"application:set_env(rabbit, {name}, {value})")

    def management(self, method: str, path: str, body: str | None = None) -> bytes:
        """The answer of the management interface; it comes up a moment after the server itself."""
        end = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                return self._ask(method, path, body)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _ask(self, method: str, path: str, body: str | None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=30)
        try:
            token = base64.b64encode(b"guest:guest").decode()
            headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status < 300, (method, path, response.status, answer)
            return answer
        finally:
            connection.close()

    @property
    def _control(self) -> Path:
        return self._executable.with_name("rabbitmqctl")

    def _shakes_hands(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                client.settimeout(1)
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return len(client.recv(7)) == 7
        except OSError:
            return False

    def _configure(self) -> None:
        (self._folder / "home").mkdir()
        (self._folder / "empty.conf").touch()
        plugins, statistics = _PLUGINS, "management_agent.disable_metrics_collector = true\n"
        if self._is_watched:
            plugins = _WATCHED_PLUGINS
            statistics = (
                "collect_statistics_interval = 1000\n"
                "prometheus.tcp.ip = 127.0.0.1\n"
                f"prometheus.tcp.port = {self.metrics_port}\n"
            )
        encryption = ""
        if (made := self._certificates) is not None:
            encryption = (
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
                f"ssl_options.cacertfile = {made.authority}\n"
                f"ssl_options.certfile = {made.server.certificate}\n"
                f"ssl_options.keyfile = {made.server.key}\n"
                "ssl_options.verify = verify_peer\n"
                "ssl_options.fail_if_no_peer_cert = true\n"
            )
        (self._folder / "plugins").write_text(plugins)
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.management_port}\n"
            f"{statistics}"
            f"{encryption}"
            "disk_free_limit.absolute = 200MB\n"
            "log.file.level = warning\n"
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "RABBITMQ" not in name}
        return kept | {
            "HOME": str(self._folder / "home"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "empty.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGUMENTS,
        }


@contextmanager
def running_node(
    folder: Path, *, is_watched: bool = False, certificates: Certificates | None = None
) -> Iterator[RabbitmqNode]:
    """A started server in `folder`; killed at the end."""
    executable = _executable()
    if executable is None:
        reason = "no rabbitmq-server is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    node = RabbitmqNode(folder, executable, is_watched=is_watched, certificates=certificates)
    node.start()
    try:
        yield node
    finally:
        node.kill()


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqNode]:
    """The server that all tests share, each in a virtual host of its own; nobody kills it."""
    with running_node(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture(scope="module")
def mortal_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqNode]:
    """A server of the module's own, to be killed and started again."""
    with running_node(tmp_path_factory.mktemp("rabbitmq-mortal")) as node:
        yield node


@pytest.fixture(scope="module")
def watched_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqNode]:
    """A server of the module's own that keeps statistics."""
    with running_node(tmp_path_factory.mktemp("rabbitmq-watched"), is_watched=True) as node:
        yield node


def _executable() -> Path | None:
    """The server's script; the wrapper that Debian puts before it insists on its own user."""
    for found in sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server")):
        return found
    command = shutil.which("rabbitmq-server")
    return Path(command) if command else None


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
