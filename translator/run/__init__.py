"""Follow a run of ``translate run``, and clean up after it."""
