"""The hand-written questions that no training may have seen: evaluation, probes, held-out set."""


import pytest
import yaml

from workbench import presets
from workbench.demo import evaluation, tuning


@pytest.fixture(scope="session")
def held_out_prompts() -> list[str]:
    probes = yaml.safe_load((presets.root() / "probes" / "identity.yaml").read_text(encoding="utf-8"))
    held_out = yaml.safe_load(tuning.HELD_OUT.read_text(encoding="utf-8"))
    return [
        *(question.prompt for question in evaluation.questions()),
        *(probe["prompt"] for probe in probes),
        *(row[0] for kind in held_out.values() for rows in kind.values() for row in rows),
    ]
