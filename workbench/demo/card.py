"""The outcome of an evaluation -> the model card beside the weights, so that its figures are measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.demo import pretrain
from workbench.demo.evaluation import Outcome, by_topic

_TEMPLATE = Path(__file__).parent / "card.md"


def write(folder: Path, outcomes: Sequence[Outcome], steps: int, extra: str = "") -> Path:
    """Write README.md into the model's folder. `extra` is appended: measurements made elsewhere."""
    from safetensors.torch import load_file

    weights = folder / "model.safetensors"
    parameters = sum(tensor.numel() for tensor in load_file(weights).values())
    scores = by_topic(outcomes)

    def share(lang: str) -> str:
        right, asked = by_topic([o for o in outcomes if o.question.lang == lang])["all"]
        return f"{right / asked:.3f}"

    values = {
        "parameters": f"{parameters / 1e6:.1f}",
        "megabytes": f"{weights.stat().st_size / 1e6:.1f}",
        "conversations": f"{steps * pretrain.BATCH:,}",
        "steps": f"{steps:,}",
        "batch": str(pretrain.BATCH),
        "asked": str(scores["all"][1]),
        "table": "\n".join(
            f"| {t} | {right} | {asked} | {right / asked:.3f} |" for t, (right, asked) in scores.items()
        ),
        "english": share("en"),
        "chinese": share("zh"),
        "extra": extra,
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    path = folder / "README.md"
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path
