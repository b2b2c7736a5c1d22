"""What `convener breakers` prints."""

import pytest

from agents.cli.breakers import render
from agents.domain.breaker import Circuit
from agents.domain.circuit import CircuitSnapshot, CircuitsShown


def circuit(state: Circuit, **changes: object) -> CircuitSnapshot:
    regular = {
        "name": "weigh",
        "circuit": state,
        "calls": 8,
        "failures": 6,
        "slow": 2,
        "consecutive": 5,
        "openings": 1,
        "retry_after": 0.0,
    }
    return CircuitSnapshot.model_validate({**regular, **changes})


def drawn(*circuits: CircuitSnapshot) -> list[str]:
    return render(CircuitsShown(host="alpha", process=42, circuits=circuits)).splitlines()


def test_a_process_has_a_table_of_its_circuits() -> None:
    assert drawn(
        circuit("open", retry_after=4.25, last_error="OSError: down"),
        circuit("closed", name="model:openai:gpt-x@host", calls=0, failures=0, slow=0),
    ) == [
        "alpha, process 42",
        "  NAME                     STATE   FAILURES      SLOW     RETRY IN  LAST ERROR",
        "  weigh                    open    6 of 8 (75%)  2 (25%)  4.2 s     OSError: down",
        "  model:openai:gpt-x@host  closed  0 of 0 (0%)   0 (0%)   -         -",
    ]


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        ("open", {}, "next call"),
        ("half_open", {"retry_after": 5.0}, "probing"),
        ("forced_open", {"retry_after": 120.0}, "until reset"),
        ("open", {"is_shared": True}, "open (told by another process)"),
        ("disabled", {}, "disabled"),
    ],
)
def test_states_are_told_in_words(state: Circuit, changes: dict[str, object], words: str) -> None:
    assert words in drawn(circuit(state, **changes))[-1]


def test_a_process_that_called_nothing_says_so() -> None:
    assert drawn() == ["alpha, process 42: nothing was called yet"]


def test_names_and_errors_from_elsewhere_cannot_command_the_terminal() -> None:
    lines = drawn(circuit("open", name="a\x1b[2Jb", last_error="x\r\n\x1b]0;y\x07" + "z" * 5000))
    assert len(lines) == 3
    assert "\x1b" not in lines[-1]
    assert len(lines[-1]) < 600
