"""The parts of the data tab: what is opened, its rows, one row as tokens, its figures, and what is made of it."""
