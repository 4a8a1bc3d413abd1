"""`workbench sweep`: combinations trained and listed; nothing is written before everything has been checked."""

from workbench import runs

QUICK = ["training.max_steps=1", "probes.path=", "training.save_steps=1", "identity.replay=0"]
NAMED = ["identity.name=Nova", "identity.author=Lab"]


def test_every_combination_is_trained_and_listed_and_can_be_listed_again(call_json, call, tmp_path, tiny_model):
    model = f"model.path={tiny_model('qwen3')}"
    found = call_json("sweep", "identity", *NAMED, *QUICK, model, "--over", "adapter.r=2,4", "--name", "ranks")
    assert found["sweep"] == "ranks" and found["judged_by"] == "loss"
    assert sorted((row["run"], row["values"]["adapter.r"], row["state"]) for row in found["runs"]) == [
        ("ranks-1", 2, "finished"), ("ranks-2", 4, "finished"),
    ]  # fmt: skip
    losses = [row["loss"] for row in found["runs"]]
    assert losses == sorted(losses)
    code, out, _ = call("sweep", "--show", "ranks")
    assert code == 0 and "ranks-2" in out and "adapter.r" in out
    assert call("sweep", "identity", *NAMED, "--over", "adapter.r=2,4", "--name", "ranks")[0] == 2


def test_a_wrong_value_is_refused_before_any_run_is_made(call, tmp_path):
    code, _, err = call("sweep", "identity", *NAMED, "--over", "adapter.r=8,0")
    assert (code, "adapter.r" in err) == (2, True)
    assert runs.every(tmp_path / "workspace") == []
    assert call("sweep", "--show", "nothing")[0] == 2
    assert call("sweep")[0] == 2
