"""Stage magnification."""
