"""Read deployment nodes: the endpoints of a new version, its files and its aliases.

A deployment node becomes an execution node whose step deploys. The files of its endpoints are the inputs of the step,
``ENDPOINT.FILE``, and what it knows afterwards is metadata: ``id`` and ``version_id``.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.valohai.actions import read_actions
from translator.dialects.valohai.ledger import account
from translator.dialects.valohai.values import texts
from translator.ir import EdgeKind
from translator.names import did_you_mean
from translator.shim.deployers import bad_alias, bad_endpoint, bad_name
from translator.shim.files.paths import PathError, relative
from translator.shim.json_values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects.valohai.document import Item
    from translator.source import Located

DEPLOYED = ("id", "version_id")
"""What edges can take from a deployment node (docs of ``valohai-yaml`` 0.54)."""
_PORT = 8000


def read_deployment_node(
    node: Located,
    endpoints: Mapping[str, Item],
    deployments: Mapping[str, Item],
    valid: frozenset[str],
    diagnostics: Diagnostics,
) -> ir.ExecutionNode | None:
    """Read a deployment node.

    Args:
        node: the node, valid by its schema.
        endpoints: the endpoints of the file by name.
        deployments: the deployments of the file by name.
        valid: the names of the endpoints that are valid.
        diagnostics: receives what is wrong.

    Returns:
        The node; None if something in it is wrong.
    """
    fine = account(node, "deployment-node", diagnostics)
    name = str(node.value["deployment"])
    fine &= _check_name(node.get("deployment"), bad_name(name, "a deployment"), diagnostics)
    fine &= _check_aliases(node, diagnostics)
    read = _read_endpoints(node, endpoints, valid, diagnostics)
    actions = read_actions(node, diagnostics)
    if not fine or read is None or actions is None:
        return None
    declared = deployments.get(name)
    defaults = declared.body.get("defaults") if declared is not None else None
    target = defaults.value.get("target") if defaults is not None and isinstance(defaults.value, dict) else None
    deployment = ir.Deployment(
        name,
        read,
        tuple(str(alias.value) for alias in node.list("aliases")),
        target=str(target) if target is not None else None,
    )
    step = ir.Step(
        name=name,
        span=node.span,
        command=(),
        inputs=tuple(_input(endpoint, file) for endpoint in read for file in endpoint.files),
        kind=ir.StepKind.DEPLOYMENT,
        deployment=deployment,
    )
    policy = ir.Policy(on_error=ir.OnError(node.value.get("on-error", "stop-all")), actions=actions)
    return ir.ExecutionNode(str(node.value["name"]), node.span, step, policy)


def _check_name(place: Located | None, problem: str | None, diagnostics: Diagnostics) -> bool:
    if problem is None:
        return True
    message, _, hint = problem.partition(": ")
    diagnostics.error("bad-name", message, place.span if place is not None else None, hint=hint)
    return False


def _check_aliases(node: Located, diagnostics: Diagnostics) -> bool:
    fine = True
    first: dict[str, Located] = {}
    for place in node.list("aliases"):
        alias = str(place.value)
        if alias in first:
            hint = f"the first is on line {first[alias].span.line}"
            diagnostics.error("duplicate-alias", f"the alias {alias!r} is there twice", place.span, hint=hint)
            fine = False
        else:
            fine &= _check_name(place, bad_alias(alias), diagnostics)
        first.setdefault(alias, place)
    return fine


def _read_endpoints(
    node: Located, endpoints: Mapping[str, Item], valid: frozenset[str], diagnostics: Diagnostics
) -> tuple[ir.Endpoint, ...] | None:
    """Read the endpoints that a node enables; None if one of them is wrong."""
    read: dict[str, ir.Endpoint | None] = {}
    places = node.list("endpoints")
    if not places:
        message = f"node {node.value['name']!r} has no endpoints: its version serves nothing"
        diagnostics.warning("no-endpoints", message, node.span, hint="list them: endpoints: [NAME]")
    for place in places:
        name = str(place.value)
        if name in read:
            message = f"the endpoint {name!r} is there twice"
            diagnostics.warning("duplicate-name", message, place.span)
            continue
        if name not in endpoints:
            hint = did_you_mean(name, endpoints, "endpoints")
            diagnostics.error("unknown-endpoint", f"there is no endpoint called {name!r}", place.span, hint=hint)
        elif not _check_name(place, bad_endpoint(name), diagnostics):
            read[name] = None
            continue
        read[name] = _read_endpoint(endpoints[name].body, diagnostics) if name in valid else None
    enabled = [endpoint for endpoint in read.values() if endpoint is not None]
    return tuple(enabled) if len(enabled) == len(read) else None


def _read_endpoint(body: Located, diagnostics: Diagnostics) -> ir.Endpoint | None:
    account(body, "endpoint", diagnostics)
    plain = body.value
    files = list(_read_files(body, diagnostics))
    if None in files:
        return None
    command = body.get("server-command")
    return ir.Endpoint(
        name=str(plain["name"]),
        span=body.span,
        image=str(plain["image"]),
        wsgi=str(plain["wsgi"]) if plain.get("wsgi") else None,
        server_command=texts(command) if command is not None else (),
        port=int(plain.get("port") or _PORT),
        files=tuple(file for file in files if file is not None),
        description=plain.get("description"),
        resources=frozen(plain.get("resources") or {}),
        node_selector=plain.get("node-selector"),
        tolerations=tuple(frozen(one) for one in plain.get("tolerations") or ()),
        workspace_volume=frozen(plain.get("workspace-volume") or {}),
        shared_volumes=tuple(frozen(one) for one in plain.get("shared-volumes") or ()),
    )


def _read_files(body: Located, diagnostics: Diagnostics) -> Iterator[ir.EndpointFile | None]:
    """Yield the files of an endpoint; None for each that is wrong."""
    names: dict[str, Located] = {}
    paths: dict[str, Located] = {}
    for place in body.list("files"):
        account(place, "file-item", diagnostics)
        name, path = str(place.value["name"]), str(place.value["path"])
        problem = None
        if name in names:
            problem = f"the file {name!r} is there twice", place.value_span("name"), names[name]
        elif path in paths:
            problem = f"two files have the path {path!r}", place.value_span("path"), paths[path]
        names.setdefault(name, place)
        paths.setdefault(path, place)
        if problem is not None:
            message, span, first = problem
            diagnostics.error("duplicate-file", message, span, hint=f"the first is on line {first.span.line}")
            yield None
            continue
        try:
            relative(path)
        except PathError:
            message = f"the path {path!r} of file {name!r} leaves the directory of the endpoint"
            diagnostics.error("bad-name", message, place.value_span("path"))
            yield None
            continue
        yield ir.EndpointFile(name, path, place.span, place.value.get("description"))


def _input(endpoint: ir.Endpoint, file: ir.EndpointFile) -> ir.Input:
    return ir.Input(f"{endpoint.name}.{file.name}", file.span, description=file.description)


def with_deployments(
    nodes: Mapping[str, ir.StepNode], edges: list[ir.Edge], diagnostics: Diagnostics
) -> tuple[dict[str, ir.StepNode], list[ir.Edge]]:
    """Return the nodes and edges with the ends of edges at deployment nodes as inputs and metadata of their steps.

    Args:
        nodes: the nodes by name.
        edges: the edges between them, as the file has them.
        diagnostics: receives ends that cannot be at such a node, and files that no edge brings.
    """
    known = {name: node for name, node in nodes.items() if node.step.deployment is not None}
    kept = [read for edge in edges if (read := _edge(edge, known, diagnostics)) is not None]
    brought = {(edge.target.node, edge.target.key) for edge in kept if edge.target.kind is EdgeKind.INPUT}
    mistaken = {edge.target.node for edge in edges} if len(kept) < len(edges) else set()
    result = dict(nodes)
    for name, node in known.items():
        if name in mistaken:
            continue  # an edge with a mistake may be the one that brings a file
        inputs = [_fed(one, name, brought, diagnostics) for one in node.step.inputs]
        result[name] = dataclasses.replace(node, step=dataclasses.replace(node.step, inputs=tuple(inputs)))
    return result, kept


def _fed(step_input: ir.Input, node: str, brought: set[tuple[str, str]], diagnostics: Diagnostics) -> ir.Input:
    """Return an input of a deployment, optional if no edge brings its file."""
    if (node, step_input.name) in brought:
        return step_input
    message = f"no edge brings the file {step_input.name!r} of node {node!r}: it is what the project has there"
    hint = f"add an edge that ends in {node}.file.{step_input.name}"
    diagnostics.warning("missing-endpoint-file", message, step_input.span, hint=hint)
    return dataclasses.replace(step_input, optional=True)


def _edge(edge: ir.Edge, deployments: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> ir.Edge | None:
    """Return an edge with the kinds of ports that executions have; None if one of its ends is wrong."""
    source = _source(edge.source, deployments, diagnostics)
    target = _target(edge.target, deployments, diagnostics)
    if source is None or target is None:
        return None
    return dataclasses.replace(edge, source=source, target=target)


def _source(port: ir.Port, deployments: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> ir.Port | None:
    if port.kind is EdgeKind.DEPENDENCY:
        return port
    if port.node not in deployments:
        if port.kind is EdgeKind.DEPLOYMENT:
            diagnostics.error("bad-edge", f"node {port.node!r} is not a deployment node", port.span)
            return None
        return port
    if port.kind is not EdgeKind.DEPLOYMENT:
        message = f"deployment node {port.node!r} has no {port.kind}s to pass on"
        hint = f"an edge from it starts in {' or '.join(f'{port.node}.deployment.{key}' for key in DEPLOYED)}"
        diagnostics.error("bad-edge", message, port.span, hint=hint)
        return None
    if port.key not in DEPLOYED:
        message = f"deployment node {port.node!r} has no value {port.key!r}"
        nearest = did_you_mean(port.key, DEPLOYED, "its values")
        diagnostics.error("unknown-port", message, port.span, hint=nearest)
        return None
    return dataclasses.replace(port, kind=EdgeKind.METADATA, written=port.kind)


def _target(port: ir.Port, deployments: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> ir.Port | None:
    if port.kind is EdgeKind.DEPENDENCY:
        return port
    node = deployments.get(port.node)
    if node is None:
        if port.kind is EdgeKind.FILE:
            diagnostics.error("bad-edge", f"node {port.node!r} is not a deployment node", port.span)
            return None
        return port
    if port.kind is not EdgeKind.FILE:
        message = f"deployment node {port.node!r} has no {port.kind}s"
        where = f"an edge to it ends in {port.node}.file.ENDPOINT.FILE"
        diagnostics.error("bad-edge", message, port.span, hint=where)
        return None
    files = [one.name for one in node.step.inputs]
    if port.key not in files:
        message = f"deployment node {port.node!r} has no file {port.key!r}"
        diagnostics.error("unknown-file", message, port.span, hint=_file_hint(port.key, files, node.step.deployment))
        return None
    return dataclasses.replace(port, kind=EdgeKind.INPUT, written=port.kind)


def _file_hint(key: str, files: list[str], deployment: ir.Deployment | None) -> str | None:
    """Return what may have been meant by a file that no endpoint of a node has."""
    endpoint, dot, _ = key.partition(".")
    if not dot:
        return "write the endpoint and the file: NODE.file.ENDPOINT.FILE"
    endpoints = [one.name for one in deployment.endpoints] if deployment is not None else []
    return did_you_mean(key, files, "its files") if endpoint in endpoints else did_you_mean(endpoint, endpoints)
