"""Memory and time of every stage's own `run` at the full size of Quilt-1M, on made-up results."""
