"""Section `identity`: who the model shall say it is."""

from workbench.specs.knob import Section, knob


class IdentitySection(Section):
    name: str = knob("", "Name", "What the model shall call itself. Also fills [NAME], {{name}} and the like in your data.", basic=True, max_length=60)
    author: str = knob("", "Author", "Who made it. Also fills <AUTHOR>, {{author}} and the like.", basic=True, max_length=60)
    year: str = knob("", "Year", "When it was made; leave empty to keep it out of the answers.", max_length=20)
    model_name: str = knob("", "Underlying model", "Named in answers to questions about its model; may stay empty.", max_length=60)
    lang: str = knob("zh,en", "Languages", "zh, en, or both joined by a comma.", suggestions=("zh,en", "zh", "en"))
    replay: float = knob(1.0, "General rows per identity row", "Ordinary conversations mixed in so that the rest is not forgotten; try 0 to see it forget.", ge=0.0, le=20.0)
