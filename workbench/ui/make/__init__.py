"""The parts of the data tab's workshop: what is asked for, and the drafts that came, to be read and changed."""
