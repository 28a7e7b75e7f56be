"""Test that unsupported keys are refused or noted, never dropped, and that bad input is reported where it is."""

import json

import pytest
from valohai_yaml.commands import build_command
from valohai_yaml.objs.parameter import Parameter
from valohai_yaml.objs.parameter_map import ParameterMap

from tests.dialects.valohai.marks import STEPS, check
from translator.dialects.valohai.choices import ValohaiChoices
from translator.dialects.valohai.ledger import LEDGER, Fate
from translator.dialects.valohai.schema import schemas
from translator.load import load_text


def keys_of_the_schema():
    """Return every key of the vendor's schema, with the short name of its schema."""
    for name, schema in schemas().items():
        described = schema.get("items", schema)
        for branch in [described, *described.get("anyOf", ())]:
            for key in branch.get("properties", {}):
                yield name, key


@pytest.mark.parametrize(("schema", "key"), sorted(keys_of_the_schema()))
def test_every_key_of_the_schema_is_in_the_ledger(schema, key):
    assert key in LEDGER[schema]


def test_the_ledger_has_no_keys_that_the_schema_lacks():
    known = set(keys_of_the_schema())
    assert {(schema, key) for schema, keys in LEDGER.items() for key in keys} == known


def test_ignored_and_refused_keys_say_why():
    for keys in LEDGER.values():
        for entry in keys.values():
            assert (entry.fate is Fate.TRANSLATED) == (not entry.topic)
            assert entry.why or entry.fate is Fate.TRANSLATED


STEP_KEYS = [
    "stop-condition: execution.duration > 1 #! error unsupported-stop-condition",
    "stop-condition: metadata.loss < 1 #! error unsupported-stop-condition",
    "stop-condition: parameter.rate < 1 #! error unsupported-stop-condition",
    "stop-condition: floor(loss) < 1 #! error unsupported-stop-condition",
    'mounts: ["/a:/b"] #! error unsupported-mounts',
    "environment-variable-groups: [g] #! error unsupported-environment-variable-groups",
    "environment-variable-groups: []",
    "inputs: [{name: a, optional: true, download: on-demand}]",
    "inputs: [{name: a, optional: true, download: always}]",
    "inputs: [{name: a, default: 'datum://x'}] #! note unknown-data",
    "inputs: [{name: a, default: 'datum://017ef88d-2343-ef70-a47c-1ed37b59b244'}] #! warning unknown-data",
    "inputs: [{name: a, default: ['dataset://x/y', 'model://x/1']}] #! note unknown-data; note unknown-data",
    "parameters: [{name: b}]\ninputs: [{name: a, default: 'dataset://{parameter:b}_train/latest'}]",
    "inputs: [{name: a, default: 'datum://'}] #! error bad-data-name",
    "inputs: [{name: a, default: 'model://x'}] #! error bad-data-name",
    "parameters: [{name: b}]\ninputs: [{name: a, default: 'dataset://{parameter:b}'}] #! error bad-data-name",
    "inputs: [{name: a, default: ['x.csv', 'azure://account/container/x']}] #! note needs-fsspec",
    "inputs: [{name: a, default: 'oci://bucket@namespace/x'}] #! note needs-fsspec",
    "inputs: [{name: a, default: 'swift://x'}] #! error unsupported-swift-input",
    "inputs: [{name: a, default: 'gopher://x'}] #! error unsupported-input-scheme",
    "inputs: [{name: a, default: 'https://x/*.csv'}] #! error unsupported-wildcard",
    "parameters: [{name: b}]\ninputs: [{name: a, default: '{parameter:b}/{parameter-value:b}.csv'}]",
    (
        "parameters: [{name: b, multiple: repeat}]\n"
        "inputs: [{name: a, default: '{parameter:b}'}] #! error unknown-placeholder"
    ),
    "inputs: [{name: a, default: 's3://x/{parameter:b}'}] #! error unknown-placeholder; note needs-fsspec",
    "inputs: [{name: a, default: 's3://x/*.csv'}] #! note needs-fsspec",
    "icon: x #! note ignored-icon",
    "category: x #! note ignored-category",
    "environment: x #! note ignored-environment",
    "environment: x #! note ignored-environment\nruntime-config-preset: x #! note ignored-runtime-config-preset",
    "runtime-config-preset: x #! error missing-environment",
    "resources: {cpu: {min: 1}} #! note ignored-resources",
    "resources: {cpu: {min: 1, max: 2}, memory: {max: 4096}}",
    "resources: {devices: {nvidia.com/gpu: 1}} #! warning ignored-devices",
    "upload-store: x #! note ignored-upload-store",
    "autorestart: true #! note ignored-autorestart",
    "autorestart: false",
    "cache-volumes: [x] #! note ignored-cache-volumes",
    "outputs: [{name: a, description: x}] #! note ignored-description",
    "parameters: [{name: a, widget: x}] #! note ignored-widget",
    "parameters: [{name: a, widget: {type: x, settings: {a: 1}}}] #! note ignored-widget",
    "parameters: [{name: a, category: x}] #! note ignored-category",
    # what the vendor's own linter says
    "stop-condition: a >>> 1 #! error bad-expression",
    "stop-condition: '{{ a }} < 1' #! error bad-expression",
    "parameters: [{name: a, pass-true-as: x}] #! warning no-effect",
    "parameters: [{name: a, type: flag, optional: true}] #! warning no-effect",
    "parameters: [{name: a, type: integer, default: x}] #! warning bad-default; error bad-default",
    "parameters: [{name: a, type: integer, default: 3, max: 2}] #! warning bad-default; error bad-default",
    "parameters: [{name: a, default: 3}] #! warning bad-default",
    # what ends the vendor's parser
    'time-limit: "90" #! error bad-duration',
    "time-limit: soon #! error bad-duration",
    "time-limit: -5 #! error bad-duration",
    "time-limit: 99999999999999999999 #! error bad-duration",
    "no-output-timeout: 5x #! error bad-duration",
    "no-output-timeout: 1.5 #! error bad-type",
    "time-limit: 0",
    "parameters: [{name: a, type: flag, multiple: repeat}] #! error bad-value",
    # values
    "parameters: [{name: a, default: 2020-01-01}] #! warning date-as-text; warning bad-default",
    "parameters: [{name: a, default: {x: 1}}] #! error bad-value; warning bad-default",
    "parameters: [{name: a, default: [[1]], multiple: repeat}] #! error bad-value; warning bad-default",
    "parameters: [{name: a, type: float, default: .nan}] #! error not-finite",
    "parameters: [{name: a, type: float, default: .inf}] #! error not-finite",
    "parameters: [{name: a, type: float, max: .inf}] #! error not-finite",
    "parameters: [{name: a, type: integer, choices: [9223372036854775808]}] #! error large-number",
    'parameters: [{name: a, default: "\\0"}] #! error nul-character',
    "environment-variables: [{name: API_TOKEN, default: abc}] #! warning literal-secret",
    "environment-variables: [{name: API_TOKEN}]",
    "parameters: [{name: a}, {name: b}, {name: a}] #! warning duplicate-name",
    "inputs: [{name: a, optional: true}, {name: a, optional: true}] #! warning duplicate-name",
    "environment-variables: [{name: A}, {name: A}] #! warning duplicate-name",
    "environment-variables: [{name: TOKENIZER, default: abc}]",
    "environment-variables: [{name: A, default: x, description: y}] #! note ignored-description",
    "inputs: [{name: a/b, optional: true}] #! error bad-name",
    "inputs: [{name: .., optional: true}] #! error bad-name",
    "inputs: [{name: a, optional: true, filename: ../../x}] #! error bad-name",
    "inputs: [{name: a}] #! note required-input",
    # schema
    "inputs: [{nam: a}] #! error unknown-key",
    "inputs: [a] #! error bad-type",
    "inputs: {name: a} #! error bad-type",
    "tiem-limit: 3 #! error unknown-key",
    "resources: {gpu: 1} #! error unknown-key",
    "parameters: [{name: a, type: int}] #! error bad-value",
    "parameters: [{name: 1}] #! error bad-type",
    "parameters: [{name: a, min: x}] #! error bad-type",
    "inputs: [{name: a, keep-directories: some}] #! error bad-value",
    f"inputs: [{{name: {'x' * 65}}}] #! error bad-value",
    "upload-store: 3 #! error bad-type",
    "environment-variables: [{name: A, default: 3}] #! error bad-type",
    "environment-variables: [{name: A, default: yes}] #! error bad-type",
]


@pytest.mark.parametrize("line", STEP_KEYS)
def test_keys_of_a_step(line):
    lines = "\n".join(f"    {part}" for part in line.splitlines())
    name = "    name: s"
    head = "- step:\n" + name + "\n    image: i\n    command: 'true'\n"
    tail = "- pipeline:\n    name: P\n    nodes:\n      - {name: n, type: execution, step: s}\n    edges: []\n"
    check(f"{head}{lines}\n{tail}")


VARIABLES = [
    ('{name: A, default: "a\\0"}', "error nul-character"),
    ("{name: 'A=B', default: x}", "error bad-name"),
    ("{name: '', optional: false}", "error bad-name"),
]


@pytest.mark.parametrize(("variable", "mark"), VARIABLES)
def test_variables_that_no_process_can_have(variable, mark):
    check(
        f"- step:\n    name: s #! {mark}\n    image: i\n    command: x\n    environment-variables: [{variable}]\n"
        "- pipeline: {name: P, nodes: [{name: n, type: execution, step: s}], edges: []}\n"
    )


def test_refused_keys_in_unused_steps_do_not_matter():
    text = "- step:\n    name: s\n    image: i\n    command: x\n    mounts: ['/a:/b']\n"
    check(f"{STEPS}{text}- pipeline: {{name: P, nodes: [{{name: n, type: execution, step: make}}], edges: []}}\n")


NODES = [
    "- {name: n, type: execution, step: make, commit: abc} #! error bad-commit",
    "- {name: n, type: execution, step: make, actions: [{when: node-error, then: noop}]}",
    "- {name: n, type: execution, step: make, actions: []}",
    "- {name: n, type: deployment, deployment: d} #! warning no-endpoints",
    "- {name: n, type: execution, step: mkae} #! error unknown-step",
    "- {name: n, type: task, task: mkae} #! error unknown-task",
    "- {name: n, type: task, step: make, task: make} #! error bad-value",
    "- {name: n, type: task} #! error bad-value",
    "- {name: n, type: execution} #! error missing-key",
    "- {name: n, type: loop, step: make} #! error bad-value",
    "- {name: n, step: make} #! error missing-key",
    "- n #! error bad-value",
    "- {name: n, type: execution, step: make, on-error: ignore} #! error bad-value",
    "- {name: n, type: execution, step: make, on-error: none} #! error bad-value",
    "- {name: n, type: execution, step: make, edge-merge-mode: add} #! error bad-value",
    "- {name: n, type: execution, step: make, parameters: []} #! error unknown-key",
    "- {name: n, type: execution, step: make, override: {time-limit: 3}} #! error unknown-key",
    "- {name: n, type: execution, step: make, override: {inputs: [{name: x, optional: true}]}} #! error unknown-input",
    "- {name: n, type: execution, step: make, override: {parameters: [{name: sed}]}} #! error unknown-parameter",
    "- {name: n, type: execution, step: make, override: {mounts: ['/a:/b']}} #! error unsupported-mounts",
    "- {name: n, type: execution, step: make, override: {environment: e}} #! note ignored-environment",
    "- {name: n, type: execution, step: make, override: {autorestart: true}} #! note ignored-autorestart",
    ("- {name: n, type: execution, step: make, override: {runtime-config-preset: e}} #! error missing-environment"),
    (
        "- {name: n, type: execution, step: make, override: {parameters: [{name: seed, type: flag, multiple: repeat}]}}"
        " #! error bad-value"
    ),
    "- {name: n, type: execution, step: make}\n- {name: n, type: execution, step: make} #! error duplicate-node",
]


@pytest.mark.parametrize("nodes", NODES)
def test_nodes(nodes):
    lines = "\n".join(f"      {line}" for line in nodes.splitlines())
    check(f"{STEPS}- pipeline:\n    name: P\n    nodes:\n{lines}\n    edges: []\n")


EDGES = [
    "[make.output.*]  #! error bad-value",
    "[make.output.*, use.input.data, x]  #! error bad-value",
    "[make.output.*, 3]  #! error bad-type",
    "make.output.*  #! error bad-type",
    "{source: make.output.*}  #! error missing-key",
    "{source: make.output.*, target: use.input.data, configuration: {a: 1}}  #! note ignored-configuration",
    "{source: make.output.*, target: use.input.data, configuration: {}}",
    "[make.output, use.input.data]  #! error bad-port",
    "[make.outptu.*, use.input.data]  #! error unknown-port",
    "[make.output.*, use.files.data]  #! error unknown-port",
    "[mkae.output.*, use.input.data]  #! error unknown-node",
    "[make.output.*, uses.input.data]  #! error unknown-node",
    "[make.output.*, use.input.dat]  #! error unknown-input",
    "[make.output.*, make.input.data]  #! error unknown-input; error cycle",
    "[make.output.*, use.parameter.size]  #! error bad-edge",
    "[make.metadata.*, use.input.data]  #! error bad-edge",
    "[make.parameter.seed, use.input.data]  #! error bad-edge",
    "[make.dependency.*, use.input.data]  #! error bad-edge",
    "[make.parameter.seed, use.parameter.siz]  #! error unknown-parameter",
    "[make.parameter.sed, use.parameter.size]  #! warning unknown-parameter",
    "[make.input.x, use.input.extra]  #! error unknown-input",
    "[make.parameter.seed, use.environment-variable.MODE]",
    "[make.metadata.x, use.environment-variable.MODE]",
    "[make.parameter.sed, use.environment-variable.MODE]  #! warning unknown-parameter",
    "[make.metadata.x, use.environment-variable.MODI]  #! warning undeclared-environment-variable",
    "[make.environment-variable.MODE, use.environment-variable.MODI]  #! warning undeclared-environment-variable",
    *(
        f"[make.metadata.x, use.environment-variable.{name}]  #! error bad-variable"
        for name in ("VH_MODE", "TRANSLATOR_STORE", "PATH", "LD_PRELOAD", "A=B", "9", "MÖDE", "")
    ),
    *(
        f"[make.metadata.x, use.environment-variable.{name}]  #! error bad-variable"
        for name in (
            *("PYTHONPATH", "PYTHONUSERBASE", "PYTHONBREAKPOINT", "PYTHONWARNINGS", "PYTEST_ADDOPTS"),
            *("GIT_SSH_COMMAND", "GIT_SSH", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_EXTERNAL_DIFF", "EDITOR"),
            *(
                "NODE_OPTIONS",
                "NODE_PATH",
                "PERL5OPT",
                "PERL5LIB",
                "PERL5DB",
                "RUBYOPT",
                "LUA_INIT_5_4",
                "R_PROFILE_USER",
            ),
            *("_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "MAVEN_OPTS", "SPARK_SUBMIT_OPTS", "CLASSPATH"),
            *("PIP_INDEX_URL", "UV_INDEX", "npm_config_registry", "OPENSSL_CONF", "SHELLOPTS", "PROMPT_COMMAND"),
        )
    ),
    *(
        f"[make.metadata.x, use.environment-variable.{name}]  #! warning undeclared-environment-variable"
        for name in (
            *("PYTHONHASHSEED", "MODEL_OPTIONS", "GIT_COMMIT", "GIT_BRANCH", "OPTIONS", "ADOPT", "R_SQUARED"),
            *("NODE_COUNT", "MY_PATH", "CONDAS", "PERLIN_NOISE", "JAVA_VERSION", "EDITORS", "GOAL", "SPARK_CORES"),
        )
    ),
    "[make.output.*, use.environment-variable.MODE]  #! error bad-edge",
    "[make.environment-variable.MODE, use.parameter.size]  #! error bad-edge",
    (
        "[make.metadata.x, use.environment-variable.MODE]\n"
        "[make.metadata.y, use.environment-variable.MODE]  #! error two-edges"
    ),
    "[make.environment-variable.MODE, use.environment-variable.AIRFLOW_HOME]  #! error bad-variable",
    "[make.output.*, use.file.e.f]  #! error bad-edge",
    "[make.deployment.id, use.parameter.size]  #! error bad-edge",
    "[make.environment-variable.MODI, use.environment-variable.MODE]  #! error unknown-environment-variable",
    "[make.output.*, use.input.data]\n[make.output.*, use.input.data]  #! note duplicate-edge",
    "[make.parameter.seed, use.parameter.size]\n[make.metadata.x, use.parameter.size]  #! error two-edges",
]


@pytest.mark.parametrize("edges", EDGES)
def test_edges(edges):
    steps = STEPS.replace("{name: data}", "{name: data, optional: true}")
    lines = "\n".join(f"      - {line}" for line in edges.splitlines())
    nodes = "      - {name: make, type: execution, step: make}\n      - {name: use, type: execution, step: use}\n"
    check(f"{steps}- pipeline:\n    name: P\n    nodes:\n{nodes}    edges:\n{lines}\n")


PARAMETERS = [
    "{name: p, default: 1, target: make.parameter.seed}",
    "{name: p, default: 1, target: mkae.parameter.seed}  #! error unknown-node",
    "{name: p, default: 1, target: make.parameter.sed}  #! error unknown-parameter",
    "{name: p, default: 1, target: make.input.x}  #! error bad-target",
    "{name: p, default: 1, target: make.seed}  #! error bad-port",
    "{name: p, default: 1, target: make.parameter.seed, targets: [make.parameter.seed]}  #! error bad-value",
    "{name: p, default: 1}  #! warning no-targets",
    "{name: p, default: 1, targets: []}  #! warning no-targets",
    "{default: 1, target: make.parameter.seed}  #! error missing-key",
    "{name: p, default: x, target: make.parameter.seed}  #! error bad-default",
    "{name: p, default: [1, 2], target: make.parameter.seed}  #! error bad-default",
    "{name: p, default: [1, 2], target: make.parameter.tags}",
    "{name: p, default: [1, 2], target: grid.parameter.size}",
    "{name: p, default: [1, 4], target: grid.parameter.size}  #! error bad-default",
    "{name: p, default: [1, null], target: grid.parameter.size}  #! error bad-default",
    "{name: p, default: 2.5, target: grid.parameter.rate}  #! error bad-default",
    "{name: p, default: {a: 1}, target: make.parameter.seed}  #! error bad-value",
    "{name: p, default: 1, target: make.parameter.seed, category: x}  #! note ignored-category",
    "{name: p, dflt: 1, target: make.parameter.seed}  #! error unknown-key",
    "{name: p, default: .nan, target: make.parameter.seed}  #! error not-finite; error bad-default",
    "{name: p, target: make.parameter.seed}\n{name: p, target: grid.parameter.size}  #! error duplicate-parameter",
    "{name: p, target: make.parameter.seed}\n{name: q, target: make.parameter.seed}  #! error two-values",
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_pipeline_parameters(parameters):
    steps = STEPS.replace("{name: data}", "{name: data, optional: true}")
    lines = "\n".join(f"      - {line}" for line in parameters.splitlines())
    nodes = "      - {name: make, type: execution, step: make}\n      - {name: grid, type: task, step: use}\n"
    check(f"{steps}- pipeline:\n    name: P\n    nodes:\n{nodes}    edges: []\n    parameters:\n{lines}\n")


FILES = [
    (["- step: {name: a, image: i, command: x} #! warning no-pipeline"], ()),
    (
        [
            "- pipelin: {name: P} #! warning unknown-item",
            "- pipeline: {name: P, nodes: [], edges: []} #! warning no-nodes",
        ],
        ("P",),
    ),
    (
        [
            "- step: {name: a, image: i, command: x}",
            "  pipeline: {name: Q, nodes: [], edges: []} #! warning ignored-item",
            "- pipeline: {name: P, nodes: [], edges: []} #! warning no-nodes",
        ],
        ("P",),
    ),
    (
        [
            "- step: {name: a, image: i, command: x}",
            "- step: {name: a, image: i, command: x} #! warning duplicate-name",
            "- blueprint: {name: P, nodes: [{name: n, type: execution, step: a}], edges: []}",
        ],
        ("P",),
    ),
    (["- blueprint: {name: P, nodes: []} #! error missing-key"], ("P",)),
    (
        [
            "- pipeline:",
            "    name: P #! warning no-nodes",
            "    reuse-executions: true",
            "    nodes: []",
            "    edges: []",
        ],
        ("P",),
    ),
    (["- pipeline: {name: P, nodes: [], edges: [], reuse-executions: false} #! warning no-nodes"], ("P",)),
    (["- pipeline: {name: 3, nodes: [], edges: []} #! error bad-type; warning no-pipeline"], ()),
    (["- pipeline: #! error bad-type; warning no-pipeline"], ()),
    (["- 3 #! error bad-type", "- pipeline: {name: P, nodes: [], edges: []}"], ("P",)),
    (
        [
            "- endpoint: {name: ee, image: i, wsgi: x} #! note ignored-endpoint",
            "- deployment: {name: d, defaults: {target: x}} #! note ignored-deployment",
            "- pipeline: {name: P, nodes: [], edges: []} #! warning no-nodes",
        ],
        ("P",),
    ),
    (["- endpoint: {name: E, image: i, wsgi: x} #! error bad-value; note ignored-endpoint; warning no-pipeline"], ()),
    (["- on: {name: P} #! error key-not-text", "- step: {name: a, image: i, command: x}"], ()),
]


@pytest.mark.parametrize(("lines", "names"), FILES)
def test_files(lines, names):
    assert check("\n".join(lines)).names == names


HINTS = [
    ("step: mkae", "did you mean 'make'?"),
    ("step: make, override: {parameters: [{name: sead}]}", "did you mean 'seed'?"),
    ("step: make, on-eror: continue", "did you mean 'on-error'?"),
    ("step: make, inputs: []", "nodes override their step under 'override:'"),
    ("step: make, on-error: stop_all", "did you mean 'stop-all'?"),
]


@pytest.mark.parametrize(("node", "hint"), HINTS)
def test_hints(node, hint):
    text = f"{STEPS}- pipeline:\n    name: P\n    nodes:\n      - {{name: n, type: execution, {node}}}\n    edges: []\n"
    assert hint in [d.hint for d in load_text(text).diagnostics]


@pytest.mark.parametrize(
    ("command", "enclosed"),
    [
        ("echo '{\"x\": {parameter-value:x}}'", True),
        ("echo ${HOME:-{parameter:x}}", True),
        ("f() { date {parameters}; }", True),
        ("printf '{\"x\": %s}' {parameter-value:x}", False),
        ("f() { date; }; f {parameters}", False),
        ("echo {\necho {parameters}", False),
        ("echo {parameters} {parameter:x}", False),
    ],
)
def test_a_placeholder_after_an_open_brace(command, enclosed):
    step = {"name": "s", "image": "i", "command": [command], "parameters": [{"name": "x", "default": "value"}]}
    loaded = load_text(json.dumps([{"step": step}]), choices=ValohaiChoices(everything=True))
    found = [one.message for one in loaded.diagnostics if one.code == "unknown-placeholder"]
    assert bool(found) is enclosed
    values = ParameterMap(parameters={"x": Parameter(name="x", default="value")}, values={"x": "value"})
    (built,) = build_command(command, values)
    assert (built == command) is enclosed
