"""Check the environment variables that edges set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.ir import EdgeKind
from translator.names import did_you_mean
from translator.nodes import step_nodes
from translator.shim.process.environment import INTERNAL

if TYPE_CHECKING:
    from translator import ir
    from translator.diagnostics import Diagnostics

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SETTLED = re.compile(
    "|".join(  # noqa: FLY002 - one line per kind
        (
            # The shell and the loader.
            "PATH|HOME|PWD|IFS|ENV|BASH_ENV|SHELL|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|CDPATH|ZDOTDIR|XDG_.*",
            "TMPDIR|TMP|TEMP|LD_.*|DYLD_.*|GCONV_PATH|GLIBC_TUNABLES|OPENSSL_(CONF|MODULES|ENGINES)",
            # Python: all but the seed of its hashes, and buffering.
            "VIRTUAL_ENV|PYTHON(?!HASHSEED$|UNBUFFERED$).*|PYTEST_(ADDOPTS|PLUGINS)|JUPYTER_.*|IPYTHONDIR",
            # What installs packages.
            "(PIP|UV|CONDA|MAMBA|POETRY|PDM|BUNDLE|GEM|CARGO|RUSTUP)_.*|(?i:npm_config)_.*|GO(FLAGS|PROXY|PATH|ROOT)",
            # Git and programs that others start.
            "GIT_(SSH.*|ASKPASS|CONFIG.*|EXEC_PATH|TEMPLATE_DIR|EXTERNAL_DIFF|PROXY_.*|(SEQUENCE_)?EDITOR|PAGER|DIR)",
            "GIT_(WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_.*|ALLOW_PROTOCOL)",
            "SSH_ASKPASS|SUDO_ASKPASS|EDITOR|VISUAL|BROWSER|(MAN)?PAGER|LESS(OPEN|CLOSE)|MAKEFLAGS|MAKEFILES|RUSTC_WRAPPER",
            # Other languages.
            "NODE_(OPTIONS|PATH)|DENO_.*|BUN_.*|PERL5?(OPT|LIB|DB)|RUBY(OPT|LIB)|LUA_(INIT|PATH|CPATH).*|PHPRC|PHP_INI_.*",
            "R_(HOME|PROFILE.*|ENVIRON.*|LIBS.*)|JULIA_(LOAD_PATH|DEPOT_PATH|PROJECT)|TCLLIBPATH|ERL_.*FLAGS|ERL_LIBS",
            "CLASSPATH|JAVA_HOME|_?JAVA_(TOOL_)?OPTIONS|JDK_JAVA_OPTIONS|DOTNET_(STARTUP_HOOKS|ROOT)|(COR|CORECLR)_.*",
            "(JAVA|JVM|MAVEN|MVN|GRADLE|SBT|SCALA|KOTLIN|ANT|SPARK|HADOOP|HIVE|FLINK|KAFKA)_([A-Z_]+_)?(OPTS|OPTIONS)",
        )
    )
)
"""Variables that decide which programs and libraries run, with which options, and where temporary files are."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the variables of a pipeline that edges set; see ``translator.checks.check``."""
    nodes = step_nodes(pipeline)
    for edge in pipeline.incoming:
        node = nodes.get(edge.target.node)
        if edge.target.kind is not EdgeKind.ENVIRONMENT_VARIABLE or node is None:
            continue
        reason = _reason(edge, node.step)
        if reason is not None:
            message = f"an edge cannot set the environment variable {edge.target.key!r} of node {node.name!r}: {reason}"
            hint = "choose another name" if edge.target.key not in node.step.secret_variables else "remove one of them"
            diagnostics.error("bad-variable", message, edge.target.span or edge.span, hint=hint)
        elif not _is_declared(edge, node.step):
            message = f"the step of node {node.name!r} does not declare the environment variable {edge.target.key!r}"
            guess = did_you_mean(edge.target.key, node.step.declared_environment, "its variables")
            diagnostics.warning(
                "undeclared-environment-variable",
                message,
                edge.target.span or edge.span,
                hint=guess or "declare it in 'environment-variables', so that readers of the step know it",
            )


def _is_declared(edge: ir.Edge, step: ir.Step) -> bool:
    if edge.target.key in step.declared_environment:
        return True
    # An edge between two variables has set its target already; of others, what settings declare counts as well.
    return edge.source.kind is not EdgeKind.ENVIRONMENT_VARIABLE and edge.target.key in step.environment


def _reason(edge: ir.Edge, step: ir.Step) -> str | None:
    """Return why an edge cannot set a variable; None if it can."""
    name = edge.target.key
    if name.startswith(INTERNAL):
        return "the names of the run's own variables begin like this"
    if name in step.secret_variables:
        return f"it holds the secret {step.secret_variables[name]!r}"
    if edge.source.kind is EdgeKind.ENVIRONMENT_VARIABLE:
        return None  # its value is in this file, where a step may set any variable
    if not _NAME.fullmatch(name):
        return "names have letters, digits and underscores, and do not begin with a digit"
    if _SETTLED.fullmatch(name):
        return "it decides what runs on the worker, so it must not be a value of a run"
    return None
