"""One verb of the command line per module: `command(t)` builds it with texts in the caller's language."""
