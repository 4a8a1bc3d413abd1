"""`workbench estimate`: the contract's document, a table for people, refusals in one line."""

import json

from workbench import cli


def test_the_document_has_the_contracts_keys(capsys, tmp_path):
    assert cli.run(["estimate", "identity", "adapter.r=32", "--json", "--home", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {
        "parts", "total_bytes", "available_bytes", "verdict", "remedies",
        "gradient_checkpointing", "without_checkpointing_bytes",
    }  # fmt: skip
    assert document["gradient_checkpointing"] is False
    assert document["without_checkpointing_bytes"] == document["total_bytes"]
    assert document["total_bytes"] == sum(document["parts"].values())


def test_what_does_not_fit_says_what_would(capsys, tmp_path):
    batch = "training.per_device_train_batch_size=4096"
    assert cli.run(["estimate", "identity", batch, "data.max_length=4096", "--home", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "does not fit" in out and "training.gradient_accumulation_steps=" in out


def test_what_checkpointing_was_left_to_is_said_only_where_it_was_left_open(capsys, tmp_path):
    told = []
    for value in ("auto", "false"):
        given = ["estimate", "identity", f"training.gradient_checkpointing={value}", "--home", str(tmp_path)]
        assert cli.run(given) == 0
        told.append("Gradient checkpointing: off – fits without." in capsys.readouterr().out)
    assert told == [True, False]


def test_a_model_that_is_nowhere_is_refused(capsys, tmp_path):
    assert cli.run(["estimate", "identity", "model.path=/nowhere/model", "--home", str(tmp_path)]) == 2
    assert "/nowhere/model" in capsys.readouterr().err
