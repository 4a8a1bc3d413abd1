"""A run's directory -> a trained adapter in it; serves the browser, the command line and distributed launchers."""
