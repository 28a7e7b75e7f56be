"""Check that docs/architecture.md lists the undocumented uses of Prefect, and the versions they were checked on."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "prefect_plugin").rglob("*.py"))
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| (.+) \| .+ \| ([\d.]+) \|$", PAGE.partition("### Undocumented uses of Prefect")[2], re.MULTILINE
)
DOCUMENTED = {
    "prefect": "Flow State Task allow_failure get_client get_run_logger task unmapped",
    "prefect.artifacts": "create_table_artifact",
    "prefect.blocks.core": "Block",
    "prefect.blocks.system": "Secret",
    "prefect.cache_policies": "NO_CACHE",
    "prefect.client.orchestration": "SyncPrefectClient",
    "prefect.client.schemas.filters": "FlowRunFilter FlowRunFilterId",
    "prefect.client.schemas.objects": "FlowRun TaskRun",
    "prefect.context": "FlowRunContext TaskRunContext",
    "prefect.exceptions": "ObjectNotFound ParameterTypeError PrefectHTTPStatusError",
    "prefect.futures": "PrefectFuture as_completed",
    "prefect.logging": "get_logger",
    "prefect.logging.loggers": "flow_run_logger",
    "prefect.settings": "temporary_settings",
    "prefect.states": "Cancelled Completed Crashed Failed",
    "prefect.task_runners": "TaskRunner ThreadPoolTaskRunner",
    "prefect.transactions": "transaction",
}
LISTED = {
    "prefect.exceptions": "Abort Pause",
    "prefect.futures": "PrefectConcurrentFuture",
    "prefect.settings": "PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
    "prefect.transactions": "CommitMode",
}


def names(table):
    return {(module, name) for module, listed in table.items() for name in listed.split()}


def trees():
    return [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]


def test_what_is_imported_is_documented_or_listed():
    imported = {
        (node.module, alias.name)
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "prefect"
        for alias in node.names
    }
    assert imported == names(DOCUMENTED) | names(LISTED)
    uses = " ".join(use for use, _ in ROWS)
    assert all(name in uses for _, name in names(LISTED))


def test_each_use_is_checked_on_the_pinned_version():
    (pinned,) = re.findall(r"^prefect==(.+)$", (ROOT / "constraints" / "prefect.txt").read_text(), re.MULTILINE)
    assert len(ROWS) == 6
    assert {version for _, version in ROWS} == {pinned}


def test_nothing_private_is_used_and_nothing_is_asserted():
    """``assert`` falls away under ``python -O``, and says nothing to a user."""
    for file, tree in zip(FILES, trees(), strict=True):
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Assert), file
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                assert isinstance(node.value, ast.Name), file
                assert node.value.id in {"self", "cls"}, (file, node.attr)
            if isinstance(node, ast.keyword) and node.arg:
                assert not node.arg.startswith("_"), (file, node.arg)
