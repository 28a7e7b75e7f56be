"""Look up the names of data, and keep the names that steps give to what they make.

A name is ``datum://ALIAS``, ``dataset://NAME/VERSION`` or ``model://NAME/VERSION``. It stands for files: by the
configuration (``configured``), by a resolver of another package (``resolvers``), or by the store's own catalogue
(``stored``), which steps and people fill.
"""
