"""Check that docs/architecture.md lists the undocumented uses of Prefect, and the versions they were checked on."""

import ast
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "prefect_plugin").rglob("*.py"))
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| (.+) \| .+ \| ([\d.]+) \|$", PAGE.partition("### Undocumented uses of Prefect")[2], re.MULTILINE
)
# Pages of Prefect's documentation (docs/v3 of its repository, as of August 2026), and the names that we use from them.
DOCUMENTED = {
    "advanced/api-client": "prefect.get_client prefect.client.schemas.filters.FlowRunFilter",
    "advanced/background-tasks": "prefect.logging.get_logger",
    "advanced/caching": "prefect.transactions.transaction",
    "advanced/custom-blocks": "prefect.blocks.fields.SecretDict",
    "advanced/interactive": "prefect.flow prefect.input.RunInput",
    "advanced/database-maintenance": "prefect.get_run_logger prefect.exceptions.ObjectNotFound",
    "api-ref/python/prefect-client-orchestration-__init__": "prefect.client.orchestration.SyncPrefectClient",
    "api-ref/python/prefect-client-schemas-filters": "prefect.client.schemas.filters.FlowRunFilterId "
    "prefect.client.schemas.filters.FlowRunFilterParentFlowRunId prefect.client.schemas.filters.FlowRunFilterState "
    "prefect.client.schemas.filters.FlowRunFilterStateType",
    "api-ref/python/prefect-client-schemas-objects": "prefect.State prefect.client.schemas.objects.RunInput "
    "prefect.client.schemas.objects.StateType",
    "api-ref/python/prefect-exceptions": "prefect.exceptions.ParameterTypeError "
    "prefect.exceptions.PrefectHTTPStatusError",
    "api-ref/python/prefect-futures": "prefect.futures.as_completed prefect.futures.PrefectFutureList",
    "api-ref/python/prefect-settings-context": "prefect.settings.temporary_settings",
    "api-ref/python/prefect-client-schemas-responses": "prefect.client.schemas.responses.SetStateStatus",
    "api-ref/python/prefect-states": "prefect.states.Cancelled prefect.states.Crashed prefect.states.Paused "
    "prefect.states.Pending",
    "api-ref/python/prefect-task_runners": "prefect.task_runners.TaskRunner",
    "api-ref/python/prefect-utilities-annotations": "prefect.allow_failure",
    "api-ref/python/prefect-utilities-urls": "prefect.utilities.urls.url_for",
    "concepts/blocks": "prefect.blocks.core.Block",
    "concepts/caching": "prefect.cache_policies.NO_CACHE",
    "concepts/flows": "prefect.states.Completed prefect.states.Failed",
    "concepts/runtime-context": "prefect.context.FlowRunContext prefect.context.TaskRunContext",
    "concepts/states": "prefect.Flow prefect.Task prefect.client.schemas.objects.FlowRun "
    "prefect.client.schemas.objects.TaskRun",
    "concepts/task-runners": "prefect.task_runners.ThreadPoolTaskRunner",
    "how-to-guides/configuration/store-secrets": "prefect.blocks.system.Secret",
    "how-to-guides/migrate/upgrade-to-prefect-3": "prefect.unmapped",
    "how-to-guides/workflows/artifacts": "prefect.artifacts.create_table_artifact",
    "how-to-guides/workflows/run-work-concurrently": "prefect.futures.PrefectFuture",
    "how-to-guides/workflows/state-change-hooks": "prefect.logging.loggers.flow_run_logger",
}
# The API reference generates entries for these, but nothing explains how to use them.
LISTED = {
    "prefect.exceptions.Abort",
    "prefect.exceptions.Pause",
    "prefect.futures.PrefectConcurrentFuture",
    "prefect.input.keyset_from_paused_state",
    "prefect.server.api.server.create_app",
    "prefect.settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
    "prefect.settings.PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED",
    "prefect.transactions.CommitMode",
}
DOCS = os.environ.get("PREFECT_DOCS")


def trees():
    return [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]


def test_what_is_imported_is_documented_or_listed():
    imported = {
        f"{node.module}.{alias.name}"
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "prefect"
        for alias in node.names
    }
    documented = {name for names in DOCUMENTED.values() for name in names.split()}
    assert imported == documented | LISTED
    uses = " ".join(use for use, _ in ROWS)
    assert all(name.rpartition(".")[2] in uses for name in LISTED)


@pytest.mark.skipif(not DOCS, reason="needs PREFECT_DOCS, the directory docs/v3 of a checkout of Prefect")
def test_prefects_pages_have_the_names():
    for page, names in DOCUMENTED.items():
        text = Path(DOCS, f"{page}.mdx").read_text(encoding="utf-8")
        for name in names.split():
            assert re.search(rf"\b{name.rpartition('.')[2]}\b", text), (page, name)


def test_each_use_is_checked_on_the_pinned_version():
    (pinned,) = re.findall(r"^prefect==(.+)$", (ROOT / "constraints" / "prefect.txt").read_text(), re.MULTILINE)
    assert len(ROWS) == 9
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
