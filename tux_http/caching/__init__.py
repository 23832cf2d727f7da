"""The parts of the cache: what it keeps, for how long it is good, and where it is kept."""
