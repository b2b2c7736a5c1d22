"""What is typed as an argument and cannot be meant."""

from agents.cli.main import _run


def test_an_argument_that_is_no_text_is_refused_in_one_sentence(capsys) -> None:
    assert _run(["report", "\udcff"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: An argument is not UTF-8")
    assert len(said.splitlines()) == 1
