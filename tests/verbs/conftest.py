"""A command line in a folder of its own, and a workspace with a run on a tiny model."""

import json

import pytest

from workbench import cli


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """call("runs", "--json") -> (exit code, stdout, stderr); messages are English, the workspace is ./workspace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_LANG", "en")

    def go(*arguments):
        code = cli.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return go


@pytest.fixture
def call_json(call):
    """The document of a verb that must succeed."""

    def go(*arguments):
        code, out, err = call(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return go


@pytest.fixture
def write_lines(tmp_path):
    """write_lines("a.jsonl", row, row, …) -> its path; a str is written as it is."""

    def write(name, *rows):
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write
