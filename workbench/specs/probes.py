"""Section `probes`: questions the model answers while it is being trained."""

from workbench.specs.knob import Section, knob


class ProbesSection(Section):
    path: str = knob("identity", "Questions", "A list that ships with the workbench (identity) or a YAML file of your own. Empty: none.", suggestions=("identity", ""))
    every: int = knob(20, "Asked every", "Steps between two rounds; step 0 and the last step are always asked.", ge=1, le=1_000_000, unit="steps")
