"""One module per tab: `build(app, t)` puts its components where it is called and wires them to short named handlers."""
