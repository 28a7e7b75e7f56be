"""Read the text of pipeline and configuration files into plain values that know their location."""

from translator.source.files import read_file
from translator.source.ignores import read_ignores
from translator.source.located import Located
from translator.source.parser import MAX_ALIASED, MAX_DEPTH, MAX_VALUES, parse
from translator.source.scalars import Rules
from translator.source.text import MAX_BYTES, read_text
from translator.source.toml import dotted, parse_toml

__all__ = [
    "MAX_ALIASED",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_VALUES",
    "Located",
    "Rules",
    "dotted",
    "parse",
    "parse_toml",
    "read_file",
    "read_ignores",
    "read_text",
]
