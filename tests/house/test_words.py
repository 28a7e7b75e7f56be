"""Reject phrases that the project has replaced; docs/contributing.md explains how we write."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".pyi", ".md", ".jinja", ".toml", ".yaml", ".yml", ".html", ".js")
OURS = ("README.md", "Makefile", "pyproject.toml", ".ci", "airflow_plugin", "benchmarks", "docs", "examples")
OURS += ("prefect_plugin", "tests", "translator")

BANNED = {
    r"\b(?:errs|erred|erring)\b": "write 'fails', 'failed'; 'error' is the name of a state",
    r"(?<!there )\b(?:is|are|was|were) no (?!(?:longer|more|later|earlier|less|wider)\b)[\w`']+": "write 'is not a'",
    r"\bbecomes? of\b": "say what happens, or how it is handled",
    r"\bin silence\b": "write 'silently'",
    r"\bcomes? to nothing\b": "write 'fails'",
    r"\brun to (?:its|their) end\b": "write 'finish'",
    r"\b(?:go|goes|going|went) on\b": "write 'continue'",
    r"\b(?:runs?|are|go|trained|sleep) side by side\b": "write 'in parallel'",
    r"\bwhole numbers?\b": "write 'integer'",
    r"\btruth values?\b": "write 'boolean'",
    r"\bfound out\b": "write 'detected'",
    r"\btakes? the place of\b": "write 'replaces' or 'overwrites'",
    r"\bwhere (?:it|they|that) had not ended\b": "write 'unless finished'",
    r"\bthat (?:it|they) (?:is|are) of\b": "name the thing instead",
    r"\b(?:in|out)side of\b": "write 'inside' or 'outside'",
    r"\bthere (?:is|are) no such\b": "say what does not exist",
    r"\b(?:hand|hands|handed|handing) on\b": "write 'pass on'",
    r"\bhalf-way\b": "write 'crashes' or 'stops early'",
    r"\bfor want of\b": "write 'without'",
    r"\bit can be known\b": "write 'it can be detected early'",
    r"\bnobody means that\b": "write 'it is never intended'",
    r"\ban? [\w-]+ of (?:its|their) own\b": "write 'its own ...'",
    r"\bbut for (?!example\b)": "write 'except'",
    r"\bslip of the pen\b": "write 'mistake'",
    r"\bin the place of\b": "write 'instead of'",
    r"\b(?:called|named) so\b": "write 'has that name'",
    r"\bput (?:it|them) into quotes\b": "write 'quote it'",
}


def files() -> list[Path]:
    listed = subprocess.check_output(["git", "ls-files", *OURS], cwd=ROOT, text=True).splitlines()
    paths = [ROOT / name for name in listed if name.endswith((*SUFFIXES, "Makefile"))]
    return [path for path in paths if path != Path(__file__).resolve() and path.is_file()]


def lines(path: Path) -> list[str]:
    """Return the lines of a file, with the names of tests as words."""
    text = path.read_text(encoding="utf-8")
    return [line.replace("_", " ") if re.match(r"\s*def test_", line) else line for line in text.splitlines()]


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


TEXTS = {path.relative_to(ROOT): lines(path) for path in files()}


def test_all_kinds_of_files_are_read() -> None:
    kinds = {path.suffix for path in TEXTS}
    assert {".py", ".md", ".jinja", ".toml"} <= kinds
    assert any("goldens" in path.parts for path in TEXTS)


@pytest.mark.parametrize("phrase", BANNED)
def test_no_file_has_a_banned_phrase(phrase: str) -> None:
    pattern = re.compile(phrase, re.IGNORECASE)
    found = [
        f"{path}:{number}: {match.group()!r}: {BANNED[phrase]}"
        for path, text in TEXTS.items()
        for number, line in enumerate(text, 1)
        for match in pattern.finditer(line)
    ]
    assert not found, "\n".join(found)


VERBS = "Calls|Chooses|Collects|Computes|Gives|Holds|Lets|Lists|Reads|Runs|See|Starts|Turns|Waits|Wraps|Writes"


def test_class_docstrings_start_with_a_noun() -> None:
    pattern = re.compile(rf"(?:{VERBS}|How|Nobody|Registered|Something|That|There|What|Whether)\b")
    found = [
        f"{path}:{node.lineno}: {node.name}: start with a noun, as in 'A node that waits for a person.'"
        for path in TEXTS
        if path.suffix == ".py" and path.parts[0] != "tests"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and pattern.match(ast.get_docstring(node) or "")
    ]
    assert not found, "\n".join(found)


# Add a verb that is missing here; nouns that are verbs as well ("Test", "Name") cannot be told apart.
IMPERATIVES = re.compile(
    r"(?:Add|Answer|Append|Apply|Ask|Assign|Begin|Bring|Build|Call|Cancel|Check|Choose|Claim|Clean|Clear|Close|"
    r"Collect|Combine|Compare|Compile|Compute|Convert|Copy|Count|Create|Cut|Decide|Declare|Define|Derive|Describe|"
    r"Detect|Discard|Do|Download|Draw|Drop|Emit|Empty|End|Enter|Escape|Evaluate|Execute|Exit|Expand|Explain|Extend|"
    r"Fan|Fetch|Fill|Find|Fit|Follow|Forget|Format|Freeze|Generate|Get|Give|Group|Guard|Hand|Handle|Hide|Hold|"
    r"Ignore|Include|Index|Inspect|Install|Interpret|Join|Keep|Kill|Leave|Let|Limit|Link|Lint|List|Listen|Load|Log|"
    r"Look|Lower|Make|Map|Mark|Match|Measure|Merge|Minimise|Mount|Move|Mutate|Name|Note|Open|Order|Outline|Parse|"
    r"Pass|Pause|Phrase|Pin|Place|Predict|Prepare|Print|Provide|Publish|Pull|Push|Put|Raise|Read|Recognise|Record|"
    r"Redirect|Reduce|Refer|Refuse|Register|Reject|Remember|Remove|Render|Repair|Replace|Report|Represent|Request|"
    r"Require|Reset|Resolve|Restore|Resume|Retry|Return|Round|Run|Save|Say|Schedule|See|Select|Send|Separate|"
    r"Serialise|Serve|Set|Share|Shorten|Show|Sign|Simulate|Skip|Sleep|Solve|Sort|Split|Stage|Stand|Start|Stop|"
    r"Store|Strip|Submit|Substitute|Take|Tell|Test|Tidy|Track|Train|Translate|Trim|Trip|Try|Turn|Type|Undo|Update|"
    r"Upload|Use|Validate|Verify|Wait|Walk|Warn|Watch|Wrap|Write|Yield)\b"
)


def described(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and docstring of a module, and of its functions if it is not a test; properties have nouns."""
    for node in ast.walk(tree(path)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and path.parts[0] != "tests"
        if isinstance(node, ast.Module) or (is_function and not is_property(node)):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list)


def test_docstrings_of_modules_and_functions_start_with_a_verb() -> None:
    found = [
        f"{path}:{line}: {docstring.splitlines()[0]!r}: start with a verb in the imperative"
        for path in TEXTS
        if path.suffix == ".py" and "goldens" not in path.parts[:2]
        for line, docstring in described(path)
        if docstring and not IMPERATIVES.match(docstring)
    ]
    assert not found, "\n".join(found)
