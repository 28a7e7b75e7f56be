"""Mutate pipeline files on three levels: bytes, tokens, and the structure of the document.

A mutant depends only on a seed number, its own number and the seed files, so each can be reproduced.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from tests.fuzz.seeds import DIALECTS, Pool, pool, seeds, settings_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LEVELS = {"bytes": 3, "names": 4, "options": 2, "structure": 8, "tokens": 5, "values": 5}
"""Kinds of mutants and how often each is made; of names and values most are translated, of others few."""
PLAIN_NAMES = {"loom": "pipeline.yml", "valohai": "valohai.yaml"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file to translate: its name, its bytes, and how the commands are called with it.

    ``project`` is the directory its steps run in, None for the file's own. ``options`` are given to each command by
    its name; ``level`` and ``origin`` say how and from what it was made. ``settings`` is the ``translator.toml`` beside
    it.
    """

    name: str
    data: bytes
    dialect: str
    level: str
    origin: str
    project: Path | None
    options: dict[str, tuple[str, ...]]
    parameters: bytes | None = None
    settings: bytes | None = None

    @property
    def text(self) -> str:
        """The file's text, whatever its bytes are."""
        return self.data.decode("utf-8", "replace")


def mutant(seed_number: int, number: int, *, shared: bool = True) -> Mutant:
    """Make the mutant of that number.

    Args:
        seed_number: which sequence of mutants.
        number: which mutant of the sequence.
        shared: whether the corpus beside the project is used, too.
    """
    rng = random.Random(f"{seed_number}-{number}")  # noqa: S311 - to be made again, not to be secret
    dialect = rng.choice(DIALECTS)
    known = [seed for seed in seeds(shared=shared) if seed.dialect == dialect]
    seed = rng.choice(known)
    level = rng.choices(tuple(_LEVELS), tuple(_LEVELS.values()))[0]
    if level == "bytes":
        data = _bytes(rng, seed.text.encode(), rng.choice(known).text.encode())
    elif level == "tokens":
        data = _tokens(rng, seed.text, rng.choice(known).text, pool(dialect, shared=shared)).encode(
            "utf-8", "surrogatepass"
        )
    elif level in ("names", "structure", "values"):
        change = {"names": _renamed, "structure": _structure, "values": _revalued}[level]
        tree = change(rng, copy.deepcopy(seed.tree), pool(dialect, shared=shared))
        data = _dumped(rng, tree).encode("utf-8", "surrogatepass")
    else:
        data = seed.text.encode()
    made = Mutant(
        name=_name(rng, dialect),
        data=data,
        dialect=dialect,
        level=level,
        origin=f"{seed.path.parent.name}/{seed.path.name}",
        project=seed.project if rng.random() < 0.8 else None,
        options={},
    )
    made = replace(made, parameters=_parameters(rng)) if rng.random() < 0.05 else made
    made = replace(made, options=_options(rng, made))
    return replace(made, settings=_settings(rng, made)) if rng.random() < SETTINGS else made


# -- names of files

_ODD_NAMES = (
    "a b.yaml",
    "-p",
    "--help",
    "ünï😀.yaml",
    "a\nimport os; os.system('x') #.yaml",
    "a\rimport os.yaml",
    "a\u2028import os.yaml",
    'a".yaml',
    "a'''.yaml",
    'a"""\nimport os\n"""',
    "a\\",
    "a{{ 7 * 7 }}.yaml",
    "{% raw %}",
    "# -*- coding: utf-7 -*-",
    "\ue0000\ue001",
    "check",
    "x" * 200 + ".yaml",
    "a\x1b[31m.yaml",
    "\udcff\udcfe.yaml",
    "noqa: E501",
    "..yaml",
    "con.yaml",
)


def _name(rng: random.Random, dialect: str) -> str:
    return rng.choice(_ODD_NAMES) if rng.random() < 0.1 else PLAIN_NAMES.get(dialect, "pipeline.yaml")


# -- odd values

NAMES = (
    *("class", "None", "import", "self", "dag", "flow", "finish", "run", "grid", "done", "nodes", "prefect", "airflow"),
    *("Path", "PROJECT", "str", "list", "execution", "job", "params", "context", "task", "state", "map_index"),
    *("model_config", "model_dump", "return_state", "copy", "json", "schema", "__init__", "__class__", "_", "__"),
    *("a.b", "a b", "a-b", "a/b", "a\\b", "a\nb", "a\tb", " a ", "", ".", "..", "/", "*", "a[0]", "a[0]@1", "a=b"),
    *("é", "日本", "😀", "\u202e", "\u200b", "ﬁ", "K", "ß", "İ", "a\u0301", "\ufeff", "x" * 255, "x" * 300, "1", "0x1"),
    *(
        "'",
        '"',
        '"""',
        "\\",
        "{",
        "}",
        "{}",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "{# #}",
        "%s",
        "%",
        "$",
        "${X}",
        "#",
        "# noqa",
    ),
    *("import os; os.system('x')", "\nimport os\n", '"""\nimport os\n"""', "\ue0000\ue001", "yes", "null", "~", "1e3"),
)
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.5, 1e-7, 1e300, float("nan"), float("inf"), 10**30, -(10**400), 2**31, 2**63),
    *(
        [],
        {},
        [[]],
        [None],
        [[1, 2]],
        ["x"],
        [1, "a", None],
        {"a": 1},
        {"name": "x"},
        {"name": None},
        {1: 2},
        {None: 1},
    ),
    *(
        "0",
        "1.0",
        "1e5",
        "-5",
        "0o17",
        "true",
        "$",
        "$x",
        "${",
        "a,b",
        "[1, 2]",
        "datum://x",
        "s3://b/k",
        "file:///etc",
    ),
    *("http://[::1", "../..", "/dev/zero", "~/x", "n.output.*", "a.parameter.x", "*.output.*", "steps.a", "x" * 3000),
    *(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 1, 2, 3), b"bytes", "2020-01-01", "12:30:45", "0b1"),
    *NAMES,
)


# -- structure


def _structure(rng: random.Random, tree: Any, known: Pool) -> Any:
    for _ in range(rng.choice((1, 1, 2, 2, 3, 5))):
        paths = [path for path in _paths(tree) if path]
        if not paths:
            break
        path = rng.choice(paths)
        parent = tree
        for part in path[:-1]:
            parent = parent[part]
        rng.choice(_CHANGES)(rng, parent, path[-1], known)
        if _size(tree) > 5000:
            break
    return tree


def _size(value: Any) -> int:
    return sum(1 for _ in _paths(value))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if len(path) > 60:
        return
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))


def _to_odd(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    parent[last] = copy.deepcopy(rng.choice(_ODD))


def _to_known(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    key = last if last in known.values and rng.random() < 0.7 else rng.choice(known.keys)
    parent[last] = copy.deepcopy(rng.choice(known.values[key]))


def _drop(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    del parent[last]


def _rename(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(known.keys) if rng.random() < 0.7 else rng.choice(NAMES)] = parent.pop(last)
    else:
        _swap(rng, parent, last, known)


def _add(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    key = rng.choice(known.keys)
    value = copy.deepcopy(rng.choice(known.values[key]))
    if isinstance(parent, dict):
        parent[key] = value
    else:
        parent.insert(last, value if rng.random() < 0.5 else {key: value})


def _again(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    if isinstance(parent, list):
        parent[last:last] = [copy.deepcopy(parent[last]) for _ in range(rng.choice((1, 1, 1, 2, 20)))]
    else:
        parent[rng.choice(NAMES)] = copy.deepcopy(parent[last])


def _swap(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    other = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    parent[last], parent[other] = parent[other], parent[last]


def _wrap(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    for _ in range(rng.choice((1, 1, 1, 2, 30))):
        parent[last] = [parent[last]] if rng.random() < 0.5 else {rng.choice(known.keys): parent[last]}


def _unwrap(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    value = parent[last]
    below = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    parent[last] = rng.choice(below) if below else str(value)


def _retext(rng: random.Random, parent: Any, last: Any, known: Pool) -> None:
    value = parent[last]
    if not isinstance(value, str) or not value:
        _to_odd(rng, parent, last, known)
        return
    parts = re.split(r"([.\s/,=$*{}]+)", value)
    place = rng.randrange(len(parts))
    parts[place] = rng.choice((*NAMES, ".", "*", "$", "{", " ", "", parts[place] * 2, parts[0]))
    parent[last] = "".join(parts)


_CHANGES: tuple[Callable[[random.Random, Any, Any, Pool], None], ...] = (
    *(_to_odd, _to_odd, _to_known, _to_known, _drop, _rename, _add, _add, _again, _swap, _wrap, _unwrap),
    *(_retext, _retext, _retext),
)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dumped(rng: random.Random, tree: Any) -> str:
    how = rng.random()
    if how < 0.1:
        return json.dumps(tree, default=str, ensure_ascii=rng.random() < 0.5, allow_nan=True, skipkeys=True)
    return yaml.dump(
        tree,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=rng.random() < 0.5,
        default_flow_style=rng.choice((False, False, None, True)),
        width=rng.choice((80, 80, 20, 10_000)),
    )


# -- names and values


def _renamed(rng: random.Random, tree: Any, known: Pool) -> Any:
    """Give things other names wherever the file names them."""
    names = sorted(
        {value for value in _leaves(tree) if isinstance(value, str) and re.fullmatch(r"[\w -]{1,40}", value)}
    )
    names += sorted(
        {key for path in _paths(tree) for key in path if isinstance(key, str) and key not in known.keys[:40]}
    )
    for _ in range(rng.choice((1, 1, 2, 3))):
        if names:
            old, new = rng.choice(names), rng.choice((*NAMES, rng.choice(names)))
            part = re.compile(rf"(?<![\w-]){re.escape(old)}(?![\w-])")
            tree = _replaced(tree, lambda text, part=part, new=new: part.sub(lambda _: new, text))  # type: ignore[misc]
    return tree


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_replaced(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key) if isinstance(key, str) else key: _replaced(below, change) for key, below in value.items()}
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for below in value.values():
            yield from _leaves(below)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _revalued(rng: random.Random, tree: Any, known: Pool) -> Any:
    """Give scalars other values, mostly of their own type."""
    places = [path for path in _paths(tree) if path and not isinstance(_at(tree, path), (dict, list))]
    for path in rng.sample(places, min(len(places), rng.choice((1, 1, 2, 4)))):
        old = _at(tree, path)
        kind = type(old) if rng.random() < 0.8 else object
        same = [value for value in _ODD if isinstance(value, kind) and (kind is not int or not isinstance(value, bool))]
        odd = rng.choice(same or _ODD)
        if isinstance(old, str) and isinstance(odd, str) and rng.random() < 0.5:
            odd = rng.choice((f"{old} {odd}", f"{odd}{old}", old * 2))
        _at(tree, path[:-1])[path[-1]] = odd
    return tree


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


# -- tokens

_TOKEN = re.compile(r"\w+|[^\w\s]|\n[ ]*|[ \t\r]+")
_SYNTAX = (
    *(
        "- ",
        ": ",
        "? ",
        "&a ",
        "*a",
        "*a ",
        "<<: *a",
        "<<: ",
        "!",
        "!!str ",
        "!!int ",
        "!!float ",
        "!!binary ",
        "!!set ",
    ),
    *(
        "!!timestamp ",
        "!!null ",
        "!!bool ",
        "!!map ",
        "!!seq ",
        "!!omap ",
        "!!merge ",
        "!!value ",
        "!x ",
        "!!python/object:os.system ",
    ),
    *(
        "|",
        ">",
        "|-",
        ">+",
        "|9",
        "[",
        "]",
        "{",
        "}",
        ",",
        "#",
        " #",
        "'",
        '"',
        "---",
        "...",
        "--- ",
        "%YAML 1.1",
        "%TAG ! x",
    ),
    *(
        "\n",
        "\n\n",
        "\n  ",
        "\n- ",
        "\t",
        "\r",
        "\r\n",
        "\x85",
        "\u2028",
        "\ufeff",
        "@",
        "`",
        "=",
        "~",
        "0",
        "-",
        ".",
        "_",
    ),
    *(
        "\n      ",
        "\n    - ",
        "&a [*a]",
        "[[[[",
        "{{{{",
        "\\",
        "\\x00",
        '"\\x00"',
        '"\\ud800"',
        '"\\U0010ffff"',
        "1_000",
        "+.inf",
        ".nan",
    ),
    *(
        "190:20:30",
        "0x",
        "0b",
        "0o",
        "1e",
        "2020-13-45",
        "2020-02-30",
        "2001-12-14t21:59:43.10-05:00",
        "1e999",
        "-0",
        "0777",
        "9" * 5000,
    ),
)


def _tokens(rng: random.Random, text: str, other: str, known: Pool) -> str:
    if rng.random() < 0.15:
        text = _spliced(rng, text, other)
    if rng.random() < 0.2:
        text = _lines_moved(rng, text)
    parts = _TOKEN.findall(text)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        if not parts:
            break
        place = rng.randrange(len(parts))
        how = rng.randrange(6)
        if how == 0:
            del parts[place]
        elif how == 1:
            parts.insert(place, parts[place])
        elif how == 2:
            parts.insert(place, _token(rng, known))
        elif how == 3:
            parts[place] = _token(rng, known)
        elif how == 4:
            at = rng.randrange(len(parts))
            parts[place], parts[at] = parts[at], parts[place]
        else:
            parts[place] = rng.choice(parts)
    return "".join(parts)


def _token(rng: random.Random, known: Pool) -> str:
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(_SYNTAX)
    if kind < 0.75:
        return rng.choice(known.keys)
    return str(rng.choice(_ODD))


def _spliced(rng: random.Random, text: str, other: str) -> str:
    mine, others = text.splitlines(keepends=True), other.splitlines(keepends=True)
    return "".join(mine[: rng.randint(0, len(mine))] + others[rng.randint(0, len(others)) :])


def _lines_moved(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(rng.randint(1, 3)):
        if not lines:
            break
        place = rng.randrange(len(lines))
        how = rng.randrange(4)
        if how == 0:
            lines.insert(rng.randrange(len(lines)), lines.pop(place))
        elif how == 1:
            lines[place] = " " * rng.choice((1, 2, 4)) + lines[place]
        elif how == 2:
            lines[place] = lines[place].removeprefix(" " * rng.choice((1, 2, 4)))
        else:
            last = min(len(lines), place + rng.randint(1, 8))
            lines[place:place] = lines[place:last] * rng.choice((1, 1, 1, 40))
    return "".join(lines)


# -- bytes

_CHUNKS = (
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf4\x90\x80\x80",
    b"\x1b[2J",
    b"\x7f",
    b"\r",
)


def _bytes(rng: random.Random, data: bytes, other: bytes) -> bytes:
    how = rng.random()
    if how < 0.05:
        return rng.randbytes(rng.choice((0, 1, 20, 300)))
    if how < 0.1:
        return data.decode().encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7")))
    if how < 0.15:
        return data[: rng.randint(0, len(data))]
    if how < 0.2:
        return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(changed) + 1)
        kind = rng.randrange(5)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place:place] = rng.choice(_CHUNKS)
        elif kind == 2:
            changed[place:place] = bytes([rng.randrange(32, 127)]) * rng.choice((1, 1, 1, 2, 5000))
        elif kind == 3:
            del changed[place : place + rng.choice((1, 1, 5, 100))]
        else:
            start = rng.randrange(len(changed) + 1)
            changed[place:place] = changed[start : start + rng.choice((1, 10, 200))]
    return bytes(changed)


# -- options of the command line

_NAME = re.compile(r"(?:^|[\s{,-])name: *['\"]?([^'\"\n,}]+)")
_KEY = re.compile(r"^ *-? *([A-Za-z_][\w .-]*):", re.MULTILINE)
_VALUES = (
    "1",
    "0.5",
    "1,2",
    "[1, 2]",
    "",
    "a,b",
    '"a,b",c',
    "true",
    "null",
    "x" * 300,
    "[",
    "[1",
    '{"a": 1}',
    "NaN",
    "\n",
    "1e999",
    "=",
    "[[1], [2]]",
)


_MATRICES = (
    "1,2",
    "0.1",
    "a,b",
    "true,false",
    "1:3",
    "1,1",
    "",
    ",",
    "'a,b',c",
    "x" * 5000,
    "1:1000000",
    "\u2028,\ud800",
    "[1,2]",
)
_SCHEDULES = (
    'cron = "0 3 * * *"',
    'cron = "*/20 2 * * mon"\ntimezone = "Europe/Berlin"',
    'cron = "30 * * * *"\ntimezone = "Australia/Lord_Howe"',
    'cron = "0 0 29 2 *"\ntimezone = "America/Santiago"\ncatchup = true\nstart_date = 2026-01-31',
    'cron = "* * * * *"\ncatchup = true',
    'cron = "{{ 7 }}"',
    "cron = 1",
    'cron = ""',
    'cron = "0 3 * * *"\ntimezone = "../../etc/passwd"',
    'cron = "0 3 * * *"\ntimezone = "Europe/Atlantis"',
    'cron = "0 3 * * *"\ntimezone = "\\u0000"',
    'cron = "0 3 * * *"\nstart_date = "0001-01-01"\ncatchup = true\ntimezone = "Asia/Tokyo"',
    'cron = "0 3 * * *"\nstart_date = 9999-12-31\ntimezone = "America/Adak"',
    'cron = "0 3 * * *"\nstart_date = 2026-01-31T25:00:00',
    'assets = ["a", "s3://b/c", "{{ 7 }}"]',
    'assets = ["a\\nimport os"]',
    "assets = []",
    'assets = "a"\ncron = "0 3 * * *"',
    "every = 3",
)
SETTINGS = 0.2
"""How many mutants have settings beside them."""
_ELSEWHERE = re.compile("snapshot|git|include")


def _parameters(rng: random.Random) -> bytes:
    odd = {rng.choice(NAMES): rng.choice(_ODD) for _ in range(3)}
    return rng.choice(
        (yaml.dump(odd, Dumper=_Dumper).encode("utf-8", "surrogatepass"), b"a: 1\n", b"- 1\n", b"\xff", b"a: [", b"")
    )


def _options(rng: random.Random, made: Mutant) -> dict[str, tuple[str, ...]]:
    text = made.text
    names = [*_NAME.findall(text)[:40], *_KEY.findall(text)[:40]] or ["a"]
    if rng.random() < (0 if made.level == "options" else 0.7):
        return {}
    common: list[str] = []
    if rng.random() < 0.15:
        common += ["--tries", rng.choice(("1", "3", "1000000", "0", "-1", "x", "٣", "9" * 5000))]
    if rng.random() < 0.2:
        common.append(f"--grid={_word(rng, names)}.{_word(rng, names)}={rng.choice(_VALUES)}")
    if rng.random() < 0.05:
        common += ["--dialect", rng.choice((*DIALECTS, "valohia", ""))]
    if made.dialect in {"loom", "valohai"} or rng.random() < 0.03:
        common += _choices(rng, names)
    elif rng.random() < 0.1:
        common.append("--in-place")
    given = [
        f"--param={_word(rng, names)}{rng.choice(('', '.' + _word(rng, names)))}={rng.choice(_VALUES)}"
        for _ in range(rng.choice((0, 1, 1, 2)))
    ]
    failing = [f"--fail={_failure(rng, names)}" for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.2:
        failing.append(f"--assume={_word(rng, names)}={rng.choice(('true', 'false', 'x', ''))}")
    several = _matrix(rng, names) if rng.random() < 0.2 else []
    return {
        "check": tuple(common),
        "translate": (*common, *several, *(("--strict",) if rng.random() < 0.3 else ())),
        "explain": (*common, *given, *failing, *(("--format=json",) if rng.random() < 0.5 else ())),
        "run": (*common, *given, *_inputs(rng, names), rng.choice(("--quiet", "--verbose"))),
        "graph": (*common, *given, *failing, f"--format={rng.choice(('mermaid', 'dot', 'svg', 'html'))}"),
    }


def _schedule(rng: random.Random) -> str:
    """Return a section with a schedule."""
    return f"[defaults.schedule]\n{rng.choice(_SCHEDULES)}\n"


def _settings(rng: random.Random, made: Mutant) -> bytes:
    """Return a ``translator.toml``: a schedule, or parts of those of the project; nothing reaches a network."""
    if rng.random() < 0.4:
        return _schedule(rng).encode("utf-8", "surrogatepass")
    one, other = rng.choice(settings_files()), rng.choice(settings_files())
    if rng.random() < 0.7:
        one = _tokens(rng, one, other, pool(made.dialect, shared=False))
    text = re.sub(r"(?m)^(\s*)(store|code)\b.*$", r"\1", one)
    return text.encode("utf-8", "surrogatepass") if not _ELSEWHERE.search(text) else b""


def _matrix(rng: random.Random, names: list[str]) -> list[str]:
    """Return the options of a run per combination of values."""
    return [
        f"--matrix={_word(rng, names)}{rng.choice(('', '.' + _word(rng, names)))}={rng.choice(_MATRICES)}"
        for _ in range(rng.choice((1, 1, 2)))
    ]


def _inputs(rng: random.Random, names: list[str]) -> list[str]:
    uris = ("x", "s3://b/*.csv", '"a,b",c', "**.x", "", "file:///\0", "=")
    return [
        f"--input={_word(rng, names)}.{_word(rng, names)}={rng.choice(uris)}" for _ in range(rng.choice((0, 0, 1, 2)))
    ]


def _word(rng: random.Random, names: list[str]) -> str:
    return rng.choice(names) if rng.random() < 0.85 else rng.choice(NAMES)


def _failure(rng: random.Random, names: list[str]) -> str:
    text = _word(rng, names)
    if rng.random() < 0.3:
        text += f".{rng.choice(('*', '0', 'success', _word(rng, names)))}.{_word(rng, names)}"
    if rng.random() < 0.4:
        text += f"[{rng.choice(('0', '1', '99', '1000000', '-1', 'x', '9' * 5000))}]"
    if rng.random() < 0.3:
        text += f"@{rng.choice(('1', '2', '0', '99', '9' * 5000))}"
    return text


def _choices(rng: random.Random, names: list[str]) -> list[str]:
    made: list[str] = []
    if rng.random() < 0.3:
        made += [rng.choice(("--step", "--step", "--task", "--from", "--group")), _word(rng, names)]
    if rng.random() < 0.1:
        made.append("--all")
    if rng.random() < 0.2:
        made += ["--include", _word(rng, names)]
    if rng.random() < 0.2:
        made += ["--set", f"{_word(rng, names)}={rng.choice(_VALUES)}"]
    if rng.random() < 0.2:
        made += ["--var", f"{_word(rng, names)}={rng.choice(('x', '..', '', '/', '${X'))}"]
    if rng.random() < 0.1:
        made.append(f"--extra={rng.choice(('--x 1', '', chr(39), ' '))}")
    if rng.random() < 0.2:
        made.append(rng.choice(("--parallel", "--sequential", "--in-place", "--max-workers=2")))
    return made
