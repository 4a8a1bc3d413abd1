"""Section `data`: which rows, through which prompt style, cut off where."""

from workbench.specs.knob import Section, knob


class DataSection(Section):
    path: str = knob("", "Training data", "A file of conversations (JSON or JSONL; alpaca, sharegpt, messages). Empty: the self-cognition rows made from the identity boxes.", basic=True)
    template: str = knob("", "Prompt style", "Empty: the model's own chat template. Otherwise the name of a style.")
    max_length: int = knob(1024, "Longest row", "Rows are cut off after this many tokens; the data tab shows what is lost.", ge=8, le=1_048_576, unit="tokens", receiver="trl.SFTConfig")
    eval_fraction: float = knob(0.0, "Held out for evaluation", "Part of the rows that is never trained on; the loss on them is measured at every save.", ge=0.0, le=0.5)
    packing: bool = knob(False, "Packing", "Fill each row with several short conversations (no attention between them): fewer padding tokens, faster steps.", receiver="trl.SFTConfig")
