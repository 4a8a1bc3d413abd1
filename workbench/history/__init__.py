"""Runs that were: their list, differences, notes, disk, trash and sweeps, all read from their directories."""
