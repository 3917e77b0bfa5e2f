"""How a command that must fail is called."""

import pytest

from handlib import cli


def failing(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command which must fail says."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("handlib: ")
    assert err.count("\n") == 1
    return err
