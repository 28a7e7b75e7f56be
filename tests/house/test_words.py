"""Reject phrases that the project has replaced; docs/contributing.md explains how we write."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.syntax import nodes, tree

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".pyi", ".md", ".toml", ".yaml", ".yml", ".html", ".js")
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
    r"\b(?:folder|directory) stores?\b": "write 'file store', the counterpart of 'object store'",
    r"\b(?:an?|each|its|project|same|temporary|the|this|working|your) folders?\b": "write 'directory'",
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


TEXTS = {path.relative_to(ROOT): lines(path) for path in files()}


def test_all_kinds_of_files_are_read() -> None:
    kinds = {path.suffix for path in TEXTS}
    assert {".py", ".md", ".toml"} <= kinds
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
        for node in nodes(ROOT / path)
        if isinstance(node, ast.ClassDef) and pattern.match(ast.get_docstring(node) or "")
    ]
    assert not found, "\n".join(found)


# Add a verb that is missing here; nouns that are verbs as well ("Test", "Name") cannot be told apart.
IMPERATIVES = re.compile(
    r"(?:Abort|Accept|Acquire|Adapt|Add|Adjust|Adopt|Advance|Aggregate|Align|Allocate|Allow|Annotate|Answer|Append|"
    r"Apply|Arrange|Ask|Assert|Assign|Assume|Attach|Avoid|Await|Begin|Bind|Block|Break|Bring|Build|Cache|Calculate|Call|"
    r"Cancel|Capture|Cast|Catch|Certify|Change|Check|Choose|Claim|Clean|Clear|Clip|Clone|Close|Coerce|Collect|"
    r"Combine|Commit|Compare|Compile|Complete|Compose|Compress|Compute|Concatenate|Configure|Confirm|Connect|"
    r"Consult|Consume|Contact|Contain|Continue|Convert|Copy|Correct|Count|Create|Cut|Decide|Declare|Decode|"
    r"Deduplicate|Defer|Define|Delay|Delegate|Delete|Deliver|Demonstrate|Deny|Deploy|Derive|Describe|Detach|Detect|"
    r"Determine|Disable|Discard|Discover|Dispatch|Display|Distribute|Divide|Do|Download|Drain|Draw|Drive|Drop|Edit|"
    r"Embed|Emit|Empty|Enable|Encode|End|Enforce|Ensure|Enter|Enumerate|Erase|Escape|Establish|Estimate|Evaluate|"
    r"Exchange|Exclude|Execute|Exercise|Exit|Expand|Explain|Export|Expose|Express|Extend|Extract|Fail|Fan|Fetch|"
    r"Fill|Filter|Find|Finish|Fit|Fix|Flatten|Flush|Follow|Force|Forget|Fork|Format|Forward|Freeze|Gather|Generate|"
    r"Get|Give|Grant|Greet|Group|Grow|Guard|Guess|Halt|Hand|Handle|Hash|Have|Hide|Hold|Identify|Ignore|Imitate|"
    r"Implement|Import|Improve|Include|Increase|Index|Infer|Inform|Inherit|Initialise|Insert|Inspect|Install|"
    r"Interpret|Interrupt|Introduce|Invoke|Isolate|Iterate|Join|Judge|Justify|Keep|Kill|Launch|Lead|Learn|Leave|"
    r"Lend|Let|Lift|Limit|Link|Lint|List|Listen|Load|Locate|Lock|Log|Look|Lower|Make|Map|Mark|Mask|Match|Measure|"
    r"Mention|Merge|Minimise|Modify|Monitor|Mount|Move|Mutate|Name|Nest|Normalise|Note|Notify|Obey|Obtain|Offer|"
    r"Omit|Open|Operate|Order|Outline|Override|Overwrite|Parse|Partition|Pass|Patch|Pause|Perform|Permit|Permute|"
    r"Persist|Phrase|Pick|Pickle|Pin|Place|Poll|Predict|Prefer|Prepare|Preserve|Prevent|Print|Probe|Process|"
    r"Produce|Promise|Prompt|Propagate|Protect|Prove|Provide|Prune|Publish|Pull|Push|Put|Query|Quit|Quote|Raise|"
    r"Rank|Reach|React|Read|Rebuild|Receive|Recognise|Reconcile|Reconstruct|Record|Recover|Redirect|Reduce|Refer|"
    r"Refresh|Refuse|Regenerate|Register|Reinstall|Reject|Relate|Release|Reload|Rely|Remember|Remove|Rename|Render|"
    r"Reorder|Repair|Repeat|Replace|Reply|Report|Represent|Reproduce|Request|Require|Rescue|Reserve|Reset|Reshape|"
    r"Resolve|Respond|Restart|Restore|Restrict|Resume|Retain|Retrieve|Retry|Return|Reuse|Reverse|Revert|Reward|"
    r"Rewrite|Roll|Round|Route|Run|Sample|Sanitise|Satisfy|Save|Say|Scan|Schedule|Seal|Search|See|Seek|Select|Send|"
    r"Separate|Serialise|Serve|Set|Settle|Share|Shift|Shorten|Show|Shuffle|Shut|Sign|Signal|Simplify|Simulate|"
    r"Sketch|Skip|Sleep|Slice|Solve|Sort|Specify|Split|Spread|Squash|Squeeze|Stage|Stand|Start|Steal|Stop|Store|"
    r"Stream|Strip|Submit|Subscribe|Substitute|Subtract|Suggest|Sum|Summarise|Supervise|Supply|Suppress|Surround|"
    r"Survey|Survive|Suspend|Swap|Switch|Synchronise|Tag|Take|Tell|Terminate|Test|Thaw|Throttle|Tidy|Toggle|Tokenise|"
    r"Touch|Trace|Track|Train|Transfer|Transform|Translate|Traverse|Treat|Trigger|Trim|Trip|Truncate|Try|Turn|Type|"
    r"Understand|Undo|Unify|Unload|Unlock|Unpack|Unpause|Unregister|Unset|Unwrap|Update|Upload|Urge|Use|Validate|"
    r"Verify|Visit|Wait|Walk|Warn|Watch|Weigh|Widen|Withdraw|Wrap|Write|Yield)\b"
)


def described(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and docstring of a module and its functions, except properties and tests, which give reasons."""
    for node in nodes(ROOT / path):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Module) or (
            is_function and not node.name.startswith("test_") and not is_property(node)
        ):
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


MODULES = (
    *(
        "around",
        "assumptions",
        "chores",
        "common",
        "convert",
        "ending",
        "given",
        "helpers",
        "in_order",
        "killed",
        "left",
    ),
    *("misc", "options", "place", "routed", "tries", "utils", "walk"),
)
"""Names that do not say what a module holds."""
DEFINITIONS = (
    *("around", "asked", "assumptions", "chores", "convert", "do_it", "found", "given", "in_order", "killed", "left"),
    *("made", "one", "stuff", "thing", "told"),
    *("brought", "came", "held", "here", "kept", "meant", "named", "noted", "said", "seen", "shown", "took", "veiled"),
)
"""Names that do not say what a function returns or does."""
VARIABLES = ("asked", "chores", "given", "made", "said", "stuff", "thing", "told")
"""Names that do not say what a variable holds."""
SHORT = ("around", "kept", "named", "one", "shown")
"""Names of local variables only, and of those only where the whole use is on a few lines."""
WIDE = (*SHORT, "seen", "way")
"""Names of local variables only."""
LENGTH = 12
"""In a function of at most so many lines, ``found`` may name what it searches for."""
PACKAGES = ("airflow_plugin", "prefect_plugin", "translator")
PROGRAMS = ("translator/shim/dialects/magnus/child/", "translator/shim/dialects/loom/builtin_steps.py")
"""Programs that define names for the code of users."""


def code() -> Iterator[Path]:
    return (path for path in TEXTS if path.suffix == ".py" and path.parts[0] in PACKAGES)


def test_names_of_modules_say_what_they_hold() -> None:
    assert [str(path) for path in code() if path.stem in MODULES] == []


def test_names_of_functions_say_what_they_return() -> None:
    found = [
        f"{path}:{node.lineno}: {node.name}"
        for path in code()
        if not str(path).startswith(PROGRAMS)
        for node in nodes(ROOT / path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.strip("_") in DEFINITIONS
    ]
    assert not found, "\n".join(found)


def bound(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the lines and names of the variables and parameters that are bound in a function."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.lineno, part.id
        elif isinstance(part, ast.arg):
            yield part.lineno, part.arg


def test_names_of_variables_say_what_they_hold() -> None:
    vague = [
        f"{path}:{line}: {name}"
        for path in code()
        if not str(path).startswith(PROGRAMS)
        for line, name in bound(tree(ROOT / path))
        if name in VARIABLES
    ]
    assert not vague, "\n".join(vague)


def test_found_names_only_what_a_short_function_searches_for() -> None:
    vague = [
        f"{path}:{line}: in {function.name}, of {length} lines"
        for path in code()
        for function in nodes(ROOT / path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LENGTH
        for line, name in bound(function)
        if name == "found"
    ]
    assert not vague, "\n".join(vague)


def test_parameters_and_fields_have_names_of_the_field() -> None:
    vague = [
        f"{path}:{node.lineno}: {name}"
        for path in code()
        if not str(path).startswith(PROGRAMS)
        for node in nodes(ROOT / path)
        for name in parameters_and_fields(node)
        if name in WIDE
    ]
    assert not vague, "\n".join(vague)


def parameters_and_fields(node: ast.AST) -> Iterator[str]:
    """Yield the names of the parameters of a function, and of the fields of a class."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
    elif isinstance(node, ast.ClassDef):
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                yield part.target.id


def test_vague_names_are_used_on_a_few_lines_only() -> None:
    vague = [
        f"{path}:{min(lines)}-{max(lines)}: {name} in {function.name}"
        for path in code()
        if not str(path).startswith(PROGRAMS)
        for function in nodes(ROOT / path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for name, lines in short_names(function).items()
        if max(lines) - min(lines) >= LENGTH and not comprehended(function, name)
    ]
    assert not vague, "\n".join(vague)


def short_names(function: ast.AST) -> dict[str, list[int]]:
    """Return the lines on which a function has each of the vague names."""
    found: dict[str, list[int]] = {}
    for part in ast.walk(function):
        if isinstance(part, ast.Name) and part.id in SHORT:
            found.setdefault(part.id, []).append(part.lineno)
    return found


def comprehended(function: ast.AST, name: str) -> bool:
    """Return whether each loop or comprehension that binds a name is short; several of them may be far apart."""
    scopes = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.For | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        and any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))
    ]
    return bool(scopes) and all((node.end_lineno or 0) - node.lineno < LENGTH for node in scopes)
