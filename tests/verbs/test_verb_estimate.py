"""`workbench estimate`: the contract's document, a table for people, refusals in one line."""

import json

from workbench import cli


def test_the_document_has_the_contracts_keys(capsys, tmp_path):
    assert cli.run(["estimate", "identity", "adapter.r=32", "--json", "--home", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["parts", "total_bytes", "available_bytes", "verdict", "remedies"]
    assert document["total_bytes"] == sum(document["parts"].values())


def test_what_does_not_fit_says_what_would(capsys, tmp_path):
    batch = "training.per_device_train_batch_size=4096"
    assert cli.run(["estimate", "identity", batch, "data.max_length=4096", "--home", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "does not fit" in out and "training.gradient_accumulation_steps=" in out


def test_a_model_that_is_nowhere_is_refused(capsys, tmp_path):
    assert cli.run(["estimate", "identity", "model.path=/nowhere/model", "--home", str(tmp_path)]) == 2
    assert "/nowhere/model" in capsys.readouterr().err
