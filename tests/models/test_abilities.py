"""What works here, but not as one may think: a processor without bfloat16 of its own."""

import pytest

from workbench.memory.device import Device
from workbench.memory.estimate import estimate
from workbench.memory.remedies import remedies
from workbench.models import abilities
from workbench.specs import parse


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """processor(flags): what the system says of it."""

    def said(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        monkeypatch.setattr(abilities, "_PROCESSOR", path)
        abilities.cpu_has_bf16.cache_clear()

    yield said
    abilities.cpu_has_bf16.cache_clear()


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n", True),
        ("processor : 0\nflags\t\t: fpu avx2 avx512f\n", False),
        ("processor : 0\nFeatures\t: fp asimd bf16 i8mm\n", True),
        ("processor : 0\nFeatures\t: fp asimd\n", False),
        ("processor : 0\n", None),
    ],
)
def test_the_system_is_asked_for_the_instructions(processor, text, has):
    processor(text)
    assert abilities.cpu_has_bf16() is has
    told = [note.key for note in abilities.notes("bfloat16", "cpu")]
    assert told == (["abilities.slow_bf16"] if has is False else [])
    assert abilities.notes("float32", "cpu") == abilities.notes("bfloat16", "cuda") == []


def test_a_remedy_says_what_it_costs_on_this_processor(processor):
    spec = parse({"training.per_device_train_batch_size": 1, "data.max_length": 128})
    small = Device("cpu", "cpu", 1, 2**30)
    costs = []
    for flags in ("avx2 avx512_bf16", "avx2"):
        processor(f"flags : {flags}\n")
        offered = remedies(spec, estimate(spec, device=small), device=small)
        costs.append({cost for remedy in offered for cost in remedy.costs} & {"half_numbers", "slow_numbers"})
    assert costs == [{"half_numbers"}, {"slow_numbers"}]
