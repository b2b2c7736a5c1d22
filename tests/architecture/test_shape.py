"""The shape that the code promises: what is imported when, what is public, how errors look."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import agents
import agents.errors
import bus
import bus.errors

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("bus/**/*.py"), *ROOT.glob("agents/**/*.py")])
HEAVY = ("langchain", "duckdb", "aio_pika", "redis", "sqlglot", "openai")


def imported_by(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stderr


def test_help_imports_nothing_heavy() -> None:
    imported = imported_by("-m", "agents", "--help")
    for name in (*HEAVY, "pydantic", "structlog", "rich"):
        assert f" {name}\n" not in imported, name


def test_the_bus_alone_imports_no_driver() -> None:
    imported = imported_by("-c", "import bus")
    for name in (*HEAVY, "sqlite3"):
        assert f" {name}\n" not in imported, name


def test_the_public_names_of_the_bus_are_all_there_once_and_sorted() -> None:
    assert list(bus.__all__) == sorted(bus.__all__, key=lambda name: (not name.isupper(), name))
    assert len(set(bus.__all__)) == len(bus.__all__)
    for name in bus.__all__:
        assert getattr(bus, name) is not None


def test_the_public_names_of_the_agents_are_all_there() -> None:
    for name in agents.__all__:
        assert getattr(agents, name) is not None


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_lives_in_it(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_has_grown_past_one_idea(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    ("module", "root"), [(bus.errors, "BusError"), (agents.errors, "AgentError")]
)
def test_the_tree_of_errors_is_the_one_drawn_in_the_docstring(
    module: ModuleType, root: str
) -> None:
    base = getattr(module, root)
    drawn = module.__doc__ or ""
    for name, error in inspect.getmembers(module, inspect.isclass):
        assert issubclass(error, base), name
        assert name in drawn, name
        assert inspect.getdoc(error)
        assert isinstance(error.retryable, bool)


def test_blind_catches_stand_only_at_the_named_boundaries() -> None:
    allowed = {
        "bus/consumer.py",
        "agents/calling/tool_gateway.py",
        "agents/calling/circuit_breaker.py",
        "agents/cli/main.py",
        "bus/transports/rabbitmq_connection.py",
        "bus/transports/rabbitmq_subscription.py",
        "bus/sqlite/job_thread.py",
        "bus/sqlite/session.py",
    }
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ExceptHandler) or _raises_again(node):
                continue
            caught = node.type.id if isinstance(node.type, ast.Name) else None
            if node.type is None or caught in ("Exception", "BaseException"):
                found.add(str(source.relative_to(ROOT)))
    assert found <= allowed


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_every_command_line_module_is_importable_and_documented() -> None:
    package = importlib.import_module("agents.cli")
    from agents.cli.main import main

    context = main.make_context("convener", ["status"])
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.help
    assert {module.name for module in pkgutil.iter_modules(package.__path__)} >= set(
        main.list_commands(context)
    )
