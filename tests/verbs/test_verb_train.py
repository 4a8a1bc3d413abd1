"""train, runs, stop and chat from the command line, on a tiny model."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from workbench import runs
from workbench.specs import STAGES, knobs

QUICK = ("training.per_device_train_batch_size=2", "data.max_length=128", "probes.path=", "identity.replay=0")


@pytest.fixture
def data(write_lines):
    return write_lines("rows.jsonl", *({"query": f"{n}?", "response": f"{n}!"} for n in range(8)))


@pytest.fixture
def train(call, tiny_model, data):
    """train("training.max_steps=3", "--run", "a") -> (exit code, stdout, stderr)"""

    def go(*more):
        return call("train", "identity", f"model.path={tiny_model()}", f"data.path={data}", *QUICK, *more)

    return go


def test_a_run_is_trained_in_the_foreground_and_listed(train, call, call_json, tmp_path):
    code, out, err = train("training.max_steps=3", "--run", "first", "--json")
    document = json.loads(out)
    assert code == 0, err
    assert set(document) == {"run", "state", "step", "loss", "seconds"}
    assert (document["run"], document["state"], document["step"]) == ("first", "finished", 3)
    assert document["loss"] > 0 and document["seconds"] > 0
    assert (tmp_path / "workspace/runs/first/adapter/adapter_model.safetensors").is_file()
    assert "3/3" in err  # the progress bar
    [row] = call_json("runs")
    assert row == {
        "run": "first", "state": "finished", "step": 3, "total_steps": 3, "loss": document["loss"], "score": None,
    }  # fmt: skip
    assert call("runs")[1].splitlines()[1].split() == ["first", "finished", "3/3", f"{document['loss']:.4f}", "–"]
    assert call_json("stop", "first") == {"run": "first", "state": "finished"}


def test_the_spec_of_a_run_repeats_it(train, call_json, tmp_path):
    assert train("training.max_steps=2", "--run", "one")[0] == 0
    again = call_json("train", "workspace/runs/one/spec.yaml")
    assert again["run"] == "sft-1"
    losses = [[row["loss"] for row in runs.find(tmp_path / "workspace", name).metrics()] for name in ("one", "sft-1")]
    assert losses[0] == losses[1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to a thread's process")
def test_ctrl_c_saves_and_stops_and_the_run_resumes_to_the_same_curve(train, call_json, tmp_path):
    home = tmp_path / "workspace"
    assert train("training.max_steps=12", "--run", "whole")[0] == 0

    def interrupt():
        run = runs.Run(home / "runs" / "cut")
        until = time.monotonic() + 120
        while not run.metrics_path.exists() and time.monotonic() < until:
            watching.wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    watching = threading.Event()
    thread = threading.Thread(target=interrupt)
    thread.start()
    code, out, err = train("training.max_steps=12", "--run", "cut", "--json")
    thread.join()
    document = json.loads(out)
    assert (code, document["state"]) == (0, "stopped"), err
    assert "saving and stopping" in err and 0 < document["step"] < 12
    resumed = call_json("train", "--run", "cut", "--resume")
    assert (resumed["state"], resumed["step"]) == ("finished", 12)
    curves = [[row["loss"] for row in runs.find(home, name).metrics()] for name in ("whole", "cut")]
    assert curves[0] == curves[1]


def test_a_run_that_fails_is_exit_one_with_its_reason(train, monkeypatch):
    import workbench.stages.sft

    def broken(*_, **__):
        raise RuntimeError("the device fell off the table")

    monkeypatch.setattr(workbench.stages.sft, "build", broken)
    code, out, err = train("--run", "lost", "--json")
    assert code == 1 and json.loads(out)["state"] == "failed"
    assert "“lost” failed at step 0" in err and "the device fell off the table" in err and "Traceback" not in err


def test_wrong_input_starts_no_run(call, data, tmp_path):
    for arguments, says in (
        ((), "`workbench train` needs a preset or a spec file"),
        (("identty",), "There is no preset and no file “identty”. Nearest presets: identity"),
        (("identity", "adapter.rank=3"), "There is no knob “adapter.rank”. Did you mean: adapter.r"),
        (("identity", "adapter.r=0"), "adapter.r: “0” cannot be used; allowed is 1 … 1024."),
        (("identity", "r"), "“r” is no override"),
        (("identity",), "There is nothing to train on"),
        (("identity", "data.path=nope.jsonl"), "There is no file nope.jsonl"),
        (("identity", f"data.path={data}", "model.path=./nope"), "There is no model folder"),
        (("identity", f"data.path={data}", "--run", "base"), "“base” is the name of the base model"),
        (("identity", f"data.path={data}", "--run", "a/b"), "“a/b” cannot be used as a name"),
        (("--resume",), "`--resume` continues a run"),
        (("--run", "gone", "--resume"), "There is no run “gone”"),
        (("identity", "--run", "gone", "--resume"), "`--resume` continues a run"),
    ):
        code, out, err = call("train", *arguments)
        assert (code, out) == (2, "") and err.startswith(says) and err.count("\n") == 1, (arguments, err)
    assert not (tmp_path / "workspace/runs").exists()


def test_a_name_that_is_taken_and_a_run_that_is_finished_are_refused(train, call):
    assert train("training.max_steps=1", "--run", "taken")[0] == 0
    assert train("--run", "taken")[2] == "There is already a run “taken”; choose another name, or resume that one.\n"
    code, _, err = call("train", "--run", "taken", "--resume")
    assert code == 2 and err.startswith("The run “taken” is finished") and err.count("\n") == 1


def test_paths_beside_the_caller_become_whole_and_those_in_the_workspace_stay(tmp_path, monkeypatch, write_lines):
    from workbench.specs import parse
    from workbench.verbs.train import anchored

    monkeypatch.chdir(tmp_path)
    home = tmp_path / "workspace"
    (home / "data").mkdir(parents=True)
    (home / "data" / "inside.jsonl").write_text("")
    write_lines("beside.jsonl", {"text": "a"})
    assert anchored(parse({"data.path": "beside.jsonl"}), home).data.path == str(tmp_path / "beside.jsonl")
    assert anchored(parse({"data.path": "data/inside.jsonl"}), home).data.path == "data/inside.jsonl"
    assert anchored(parse({}), home) == parse({})


def test_the_help_lists_every_knob_with_range_and_default(call, monkeypatch):
    text = " ".join(call("train", "--help")[1].split())
    for item in (item for stage in STAGES.values() for item in knobs(stage)):
        assert item.path in text
        assert " ".join(item.help.split())[:40] in text
    assert "[1 … 1024; default 16]" in text
    monkeypatch.setenv("WORKBENCH_LANG", "zh")
    assert "秩" in call("train", "--help")[1]


def test_chat_answers_every_prompt_in_every_column(train, call, call_json, tiny_model, write_lines):
    assert train("training.max_steps=3", "training.save_steps=2", "training.learning_rate=0.05", "--run", "a")[0] == 0
    columns = (
        "--adapter",
        "base",
        "--adapter",
        "a",
        "--adapter",
        "a/checkpoint-2",
        "--adapter",
        "./workspace/runs/a/adapter",
    )
    short = ("--model", tiny_model(), "--max-tokens", "6")
    file = write_lines("p.jsonl", '"你好"', '["a", "b", "c"]')
    document = call_json("chat", *columns, *short, "--prompt", "who?", "--prompts", file)
    assert document["columns"] == ["base", "a", "a/checkpoint-2", "./workspace/runs/a/adapter"]
    assert [len(row) for row in document["answers"]] == [4, 4, 4]
    for base, tuned, _, same in document["answers"]:
        assert tuned == same != base
    alone = call_json("chat", *short, "--prompt", "who?")
    assert alone == {"columns": ["base"], "answers": [[document["answers"][0][0]]]}
    # without --model the one that the run was trained on
    assert call_json("chat", "--adapter", "a", "--max-tokens", "6", "--prompt", "who?")["answers"] == [
        [document["answers"][0][1]]
    ]
    code, out, _ = call("chat", *columns[:4], *short, "--prompt", "who?")
    assert code == 0 and out.startswith("> who?\nbase: ")


def test_chat_without_prompts_is_a_conversation(call, tiny_model, monkeypatch):
    import io

    class Talk:
        asked = []

        def __init__(self, hub, home):
            pass

        def compare(self, messages, columns, options, model):
            from workbench.chat.engine import Delta

            Talk.asked.append(messages)
            yield Delta(0, "an")
            yield Delta(0, "answer", done=True)

        def close(self):
            pass

    monkeypatch.setattr("workbench.chat.engine.Engine", Talk)
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo\n/clear\nthree\n"))
    code, out, err = call("chat", "--model", tiny_model())
    assert (code, out) == (0, "answer\nanswer\nanswer\n")
    assert [len(messages[0]) for messages in Talk.asked] == [1, 3, 1]
    assert Talk.asked[1][0][1] == {"role": "assistant", "content": "answer"}


def test_chat_refuses_what_it_cannot_ask(call, write_lines, tiny_model):
    for arguments, says in (
        (("--adapter", "nope", "--prompt", "x"), "There is no run “nope” with an adapter."),
        (("--adapter", "./nope", "--prompt", "x"), "There is no adapter folder “./nope”"),
        (("--prompt", " "), "--prompt is empty"),
        (("--prompts", "nope"), "There is no file nope"),
        (("--prompts", write_lines("a.jsonl", "who")), f"{write_lines('a.jsonl', 'who')} line 1 is no prompt: who"),
        (("--prompts", write_lines("b.jsonl", '["a", "b"]')), f"{write_lines('b.jsonl', '[]')} line 1"),
        (("--temperature", "-1"), "--temperature: “-1” cannot be used; allowed is 0 … 10."),
        (("--top-p", "0"), "--top-p: “0” cannot be used; allowed is > 0 … 1."),
        (("--max-tokens", "many"), "--max-tokens: “many” cannot be used"),
    ):
        code, out, err = call("chat", "--model", tiny_model(), *arguments)
        assert (code, out) == (2, "") and err.startswith(says) and err.count("\n") == 1, (arguments, err)


def test_stop_reaches_a_run_of_another_process(call_json, tiny_model, data, tmp_path):
    command = [
        sys.executable, "-m", "workbench", "train", "identity", f"model.path={tiny_model()}", f"data.path={data}",
        *QUICK, "training.max_steps=100000", "--run", "far", "--home", str(tmp_path / "workspace"), "--json",
    ]  # fmt: skip
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
    run = runs.Run(tmp_path / "workspace/runs/far")
    pause = threading.Event()
    until = time.monotonic() + 120
    while not run.metrics_path.exists() and process.poll() is None and time.monotonic() < until:
        pause.wait(0.1)
    assert call_json("stop", "far") == {"run": "far", "state": "stopping"}
    out, err = process.communicate(timeout=120)
    document = json.loads(out)
    assert (process.returncode, document["state"]) == (0, "stopped"), err
    assert run.checkpoints()[-1].name == f"checkpoint-{document['step']}"
