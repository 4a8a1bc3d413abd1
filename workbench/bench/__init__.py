"""Comparisons with peers and measurements of this machine, each a function that returns figures."""
