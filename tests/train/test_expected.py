"""What the estimate decides before the start is written down, computed by, and kept by a resume."""

import pytest

from tests.train.conftest import curve
from workbench.memory import device as devices
from workbench.memory.device import Device
from workbench.memory.estimate import Rows, estimate
from workbench.train import expected
from workbench.train.session import train


@pytest.fixture
def room(monkeypatch):
    """room(bytes): so much is there for a training, this process's own share included."""

    def there(available):
        monkeypatch.setattr(expected, "_held_bytes", lambda base: 0)
        monkeypatch.setattr(devices, "_cpu", lambda: Device("cpu", "cpu", available, 2**40))

    return there


def needed(spec, on):
    changed = spec.model_copy(update={"training": spec.training.model_copy(update={"gradient_checkpointing": on})})
    return estimate(changed, rows=Rows(3, 40)).total_bytes


def test_a_small_device_gets_checkpointing_and_a_resume_on_a_large_one_keeps_it(new_run, hub, room, monkeypatch):
    computed = []
    from workbench.stages import sft

    arguments = sft.arguments
    monkeypatch.setattr(
        sft, "arguments", lambda *a, **k: computed.append((made := arguments(*a, **k)).gradient_checkpointing) or made
    )
    run = new_run(**{"training.max_steps": 4})
    assert run.spec().training.gradient_checkpointing == "auto"
    room(needed(run.spec(), False) // 2)
    stopped = train(run, hub=hub, on_progress=lambda progress: progress.step and run.stop_path.touch())
    assert stopped["state"] == "stopped"
    assert run.spec().training.gradient_checkpointing is True
    assert "gradient checkpointing: on; " in run.log_path.read_text(encoding="utf-8")
    room(2**40)
    assert train(run, hub=hub, resume=True)["state"] == "finished"
    assert run.spec().training.gradient_checkpointing is True
    assert computed and set(computed) == {True}


def test_a_large_device_goes_without_and_both_learn_the_same(new_run, hub, room):
    runs = []
    for name, available in (("large", 2**40), ("small", 1)):
        run = new_run(name, **{"training.max_steps": 3})
        room(available)
        train(run, hub=hub)
        runs.append(run)
    assert [run.spec().training.gradient_checkpointing for run in runs] == [False, True]
    assert "gradient checkpointing: off; " in runs[0].log_path.read_text(encoding="utf-8")
    for one, other in zip(*map(curve, runs), strict=True):
        assert one[2] == pytest.approx(other[2], rel=1e-4)


def test_what_the_spec_says_is_left_alone(new_run, hub, room):
    run = new_run(**{"training.max_steps": 1, "training.gradient_checkpointing": False})
    before = run.spec_path.read_bytes()
    room(1)
    train(run, hub=hub)
    assert run.spec_path.read_bytes() == before
    assert "gradient checkpointing" not in run.log_path.read_text(encoding="utf-8")
