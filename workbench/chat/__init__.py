"""Questions and columns -> answers side by side."""
