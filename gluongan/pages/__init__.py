"""Pages for a browser: reports, the live view, and play."""
