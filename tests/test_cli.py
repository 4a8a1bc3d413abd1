"""The frame of the command line: exit codes, one line per refusal, JSON alone on stdout, both languages."""

import json
import os
import subprocess
import sys
import time

import pytest

from workbench import cli
from workbench.locales import catalogue


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """call("runs", "--json") -> (exit code, stdout, stderr) in a folder of its own, messages in English."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_LANG", "en")

    def go(*arguments):
        code = cli.run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return go


def test_without_a_verb_the_help_names_every_verb(call):
    code, out, err = call()
    assert code == 0 and err == ""
    assert [line.split()[0] for line in out.split("Verbs:")[1].strip().splitlines()] == list(cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verb_explains_itself_in_both_languages(call, monkeypatch, verb, language):
    monkeypatch.setenv("WORKBENCH_LANG", language)
    code, out, err = call(verb, "--help")
    assert (code, err) == (0, "")
    assert catalogue(language)[f"cli.{verb}.help"].replace(" ", "")[:20] in out.replace(" ", "").replace("\n", "")
    assert "--home" in out and "--json" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "There is no verb “trian”. Did you mean: train? `workbench --help` lists all."),
        (
            ["runs", "--jsn"],
            "`workbench runs` has no option “--jsn”. Did you mean: --json? See `workbench runs --help`.",
        ),
        (["stop"], "`workbench stop` needs RUN; see `workbench stop --help`."),
        (["stop", "x", "--home"], "`workbench stop`: the option --home is not used as it should be"),
        (["stop", "nope"], "There is no run “nope” in this workspace. Nearest: -."),
        (["stop", "base"], "“base” is the name of the base model itself; choose another name for the run."),
        (["stop", "one", "two"], "`workbench stop`: Got unexpected extra argument (two); see `workbench stop --help`."),
        (["preview", "a.jsonl", "--row", "0"], "--row: “0” cannot be used; allowed is ≥ 1."),
        (["ui", "--port", "70000"], "--port: “70000” cannot be used; allowed is 0 … 65535."),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_two(call, arguments, says):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith(says)


def test_messages_follow_the_language_of_the_system(call, monkeypatch):
    monkeypatch.delenv("WORKBENCH_LANG")
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert call("stop", "nope")[2] == "此工作区中没有名为“nope”的训练。最接近的：-。\n"
    monkeypatch.setenv("WORKBENCH_LANG", "en")
    assert call("stop", "nope")[2].startswith("There is no run")


def test_a_defect_is_told_apart_from_wrong_input(call, monkeypatch):
    def broken(home):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("workbench.runs.every", broken)
    code, out, err = call("runs")
    assert code == 1 and err.count("\n") == 1
    assert "ZeroDivisionError: division by zero (test_cli.py:" in err
    monkeypatch.setenv("WORKBENCH_DEBUG", "1")
    assert "Traceback" in call("runs")[2]


def test_a_workspace_that_the_system_refuses_is_the_users_to_change(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = call("runs", "--home", str(tmp_path / "file"))
    assert (code, err.count("\n")) == (0, 1)  # a workspace without runs; nothing is written there
    code, _, err = call("train", "identity", "identity.name=A", "identity.author=B", "--home", str(tmp_path / "file"))
    assert code == 2 and str(tmp_path / "file") in err and err.count("\n") == 1


def test_home_comes_from_the_environment_too(call, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere") in call("runs")[2]
    assert "there" in call("runs", "--home", "there")[2]


def test_the_command_starts_quickly_and_without_heavy_libraries():
    code = (
        "import sys; from workbench import cli; cli.run(['--help']); cli.run(['train', '--help']);"
        "print(sorted({'torch', 'transformers', 'gradio', 'numpy', 'datasets'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    began = time.process_time(), os.times().children_user
    subprocess.run([sys.executable, "-m", "workbench", "--help"], capture_output=True, check=True)
    assert os.times().children_user - began[1] < 1.0  # seconds of computing, whatever else the machine does


def test_json_is_alone_on_stdout_of_the_real_command(tmp_path):
    command = [sys.executable, "-m", "workbench", "runs", "--home", str(tmp_path / "ws"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [] and done.stderr == ""


def test_the_reader_of_a_pipe_may_leave_early():
    command = f"{sys.executable} -m workbench --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
