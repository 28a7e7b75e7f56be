"""How a run of ``translate run`` is followed, and cleaned up behind it."""
