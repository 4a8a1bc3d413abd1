"""Section `data`: which rows, through which prompt style, cut off where."""

from typing import Literal

from workbench.specs.knob import Section, knob

_ANSWERS = "stage=sft"  # text is learned as it stands


class DataSection(Section):
    path: str = knob("", "Training data", "A file of conversations (JSON, JSONL or a table; alpaca, sharegpt, messages), or several with weights: a.jsonl; b.json * 0.5. Empty: the self-cognition rows made from the identity boxes.", basic=True)
    template: str = knob("", "Prompt style", "Empty: the model's own chat template. Otherwise the name of a style.", when=_ANSWERS)
    max_length: int = knob(1024, "Longest row", "Rows are cut off after this many tokens; the data tab shows what is lost.", ge=8, le=1_048_576, unit="tokens", receiver="trl.SFTConfig")
    train_on: Literal["answers", "last_answer", "everything"] = knob("answers", "What takes loss", "answers: every answer of a dialogue, scaled by its turn's `weight` where a row has one. last_answer: the last one only. everything: the questions and the style's own words too.", when=_ANSWERS)
    eval_fraction: float = knob(0.0, "Held out for evaluation", "Part of the rows that is never trained on; the loss on them is measured at every save, or every training.eval_steps.", ge=0.0, le=0.5)
    packing: bool = knob(False, "Packing", "Fill each row with several short conversations (no attention between them, best fit first): fewer padding tokens, faster steps. Tried on your rows before the start; refused where it would not be exact.", receiver="trl.SFTConfig", when=_ANSWERS)
