"""Workbench: from data to mask to training to live view to side-by-side chat, in one process."""

__version__ = "0.1.0"
