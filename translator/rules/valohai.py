"""List the codes of findings about dataflow graphs: steps, parameters, grids, edges, and all of Valohai's own."""

from translator.rules.examples import nodes, task, valohai
from translator.rules.model import ERROR, NOTE, WARNING, Example, Rule

_RATE = "parameters: [{name: rate, type: float, default: 0.1}]\n"
_TRAINED = "      - {name: train, type: execution, step: train}\n"


def _parameters(text: str) -> str:
    """Return a pipeline with parameters."""
    return f"- pipeline:\n    name: Train\n    parameters:\n{text}    nodes:\n{_TRAINED}    edges: []\n"


_ENDPOINT = (
    "- endpoint:\n    name: predict\n    image: python:3.12\n    wsgi: serve:app\n"
    "    files: [{name: model, path: model.pkl}]\n"
)


def _deployed(node: str = "endpoints: [predict]", edge: str = "train.output.*, deploy.file.predict.model") -> str:
    """Return an endpoint, and a pipeline that deploys it."""
    return (
        f"{_ENDPOINT}- pipeline:\n    name: Train\n    nodes:\n{_TRAINED}"
        f"      - {{name: deploy, type: deployment, deployment: digits, {node}}}\n    edges: [[{edge}]]\n"
    )


RULES = (
    Rule(
        "assumed-batch-size",
        (NOTE,),
        "a Bayesian search does not say how many executions run at a time",
        "Set `execution-batch-size`.",
        valohai(
            _RATE,
            pipeline=task(
                "type: bayesian_tpe\n"
                "execution-count: 20\n"
                "optimization-target-metric: accuracy\n"
                "optimization-target-value: 1\n"
                "parameters: [{name: rate, style: random, rules: {min: 0, max: 1}}]\n"
            ),
        ),
    ),
    Rule(
        "other-optimiser",
        (WARNING,),
        "a Bayesian search names another optimiser than Optuna",
        "Remove `engine`, or write `optuna`.",
        valohai(
            _RATE,
            pipeline=task(
                "type: bayesian_tpe\n"
                "engine: hyperopt\n"
                "execution-count: 20\n"
                "execution-batch-size: 5\n"
                "optimization-target-metric: accuracy\n"
                "optimization-target-value: 1\n"
                "parameters: [{name: rate, style: random, rules: {min: 0, max: 1}}]\n"
            ),
        ),
    ),
    Rule(
        "bad-commit",
        (ERROR,),
        "the commit of a node cannot be read",
        "Name a commit of the project's Git repository, and fetch it there.",
        valohai(pipeline=nodes("train").replace("step: train", "step: train, commit: 1f3a9c0")),
    ),
    Rule(
        "moving-commit",
        (NOTE,),
        "the commit of a node is a branch or a tag, which may move later",
        "Name the hash of the commit.",
    ),
    Rule(
        "ambiguous-fan-in",
        (WARNING,),
        "several executions have a value for a parameter that takes one",
        "Set `multiple` for the parameter, or choose the value in a node between them.",
        valohai(
            "parameters: [{name: rate, type: float, default: 0.1}]\n",
            pipeline=task(
                "parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2]}}]\n",
                "[search.metadata.best, again.parameter.rate]",
                "- {name: again, type: execution, step: train}\n",
            ),
        ),
    ),
    Rule(
        "ambiguous-parameter",
        (ERROR,),
        "a pipeline parameter has the name by which a run sets a parameter of a node",
        "Rename the pipeline parameter.",
        valohai(
            _RATE,
            pipeline=_parameters("      - {name: train.rate, target: train.parameters.rate}\n"),
            arguments=("check", "FILE", "--target", "airflow"),
        ),
    ),
    Rule(
        "bad-condition",
        (ERROR,),
        "the condition of an action is invalid",
        "Compare `metadata.KEY` or `parameter.NAME` with a value: `metadata.accuracy < 0.9`.",
        valohai(
            pipeline=nodes("train").replace(
                "step: train", "step: train, actions: [{when: node-complete, if: accuracy < 0.9, then: noop}]"
            )
        ),
    ),
    Rule(
        "bad-data-name",
        (ERROR,),
        "a name of data is invalid",
        "Write `datum://ALIAS`, `dataset://NAME/VERSION` or `model://NAME/VERSION`; see [Data by name](data.md).",
        valohai("inputs: [{name: data, default: 'dataset://images'}]\n"),
    ),
    Rule(
        "bad-default",
        (ERROR, WARNING),
        "a default is invalid for its parameter; a warning if an edge sets the value",
        "Correct the default, or the type, the bounds or the choices of the parameter.",
        valohai("parameters: [{name: epochs, type: integer, default: many}]\n"),
    ),
    Rule(
        "bad-distributed",
        (ERROR,),
        "a distributed task lacks its number of executions, or they could never run together",
        "Set `execution-count` to the number of executions of the group, give each parameter one value, and let all of "
        "them run at the same time.",
        valohai(_RATE, pipeline=task("type: distributed\nparameters: []\n")),
    ),
    Rule(
        "bad-duration",
        (ERROR,),
        "a duration is invalid",
        'Use a number of seconds, or a string such as `"1h 30m 5s"`.',
        valohai("time-limit: -5\n"),
    ),
    Rule(
        "bad-edge",
        (ERROR,),
        "an edge cannot connect these two kinds of port",
        "Connect `output` with `input`, `metadata` with `parameter`, and other kinds with their own kind.",
        valohai(
            "inputs: [{name: data, optional: true}]\n", pipeline=nodes("a", "b", edges="[a.metadata.x, b.input.data]")
        ),
    ),
    Rule(
        "bad-mount",
        (ERROR,),
        "no runner can mount this",
        "Name a directory of the Docker host by its absolute path, without a colon, or a volume.",
        valohai('mounts: [{source: "nas:/data", destination: /data, type: nfs}]\n'),
    ),
    Rule(
        "bad-port",
        (ERROR,),
        "a port is not of the form `node.kind.key`",
        "Write for instance `train.output.model.pkl`.",
        valohai(pipeline=nodes("a", "b", edges="[a.output, b.input]")),
    ),
    Rule(
        "bad-rules",
        (ERROR,),
        "the rules of a parameter of a task blueprint are invalid",
        "The message names the rules that the style needs.",
        valohai(_RATE, pipeline=task("parameters: [{name: rate, style: single, rules: {}}]\n")),
    ),
    Rule(
        "bad-search",
        (ERROR,),
        "a search of a task blueprint lacks its number of executions or its objective, or they are invalid",
        "Set `execution-count` to the number of executions of the search. A Bayesian search also needs "
        "`optimization-target-metric` and `optimization-target-value`.",
        valohai(
            _RATE,
            pipeline=task(
                "type: random_search\n"
                "parameters: [{name: rate, style: random, rules: {min: 0, max: 1}}]\n"
                "execution-count: 0\n"
            ),
        ),
    ),
    Rule(
        "bad-target",
        (ERROR,),
        "a pipeline parameter sets something other than parameters",
        "Write targets as `NODE.parameters.NAME`.",
        valohai(_RATE, pipeline=_parameters("      - {name: rate, target: train.input.rate}\n")),
    ),
    Rule(
        "bad-type",
        (ERROR,),
        "a value has the wrong type",
        "The message says which type is expected.",
        valohai("environment-variables: yes please\n"),
    ),
    Rule(
        "bad-variable",
        (ERROR,),
        "an edge cannot set this environment variable",
        "Choose a name of letters, digits and underscores that neither the run uses, such as `VH_...`, nor the worker, "
        "such as `PATH`, and that has no secret in `translator.toml`.",
        valohai(pipeline=nodes("a", "b", edges="[a.metadata.x, b.environment-variable.VH_MODE]")),
    ),
    Rule(
        "colliding-outputs",
        (WARNING,),
        "all executions of a task node write the same output",
        "Include a parameter in the file's name: edges pass on only the file of the last execution.",
        valohai(
            f"{_RATE}inputs: [{{name: model, optional: true}}]\n",
            command="cp m $VH_OUTPUTS_DIR/model.pkl",
            pipeline=task(
                "parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2]}}]\n",
                "[search.output.model*, next.input.model]",
                "- {name: next, type: execution, step: train}\n",
            ),
        ),
    ),
    Rule(
        "control-in-name",
        (ERROR,),
        "a name that reaches an engine contains a control character",
        "Write the name on one line; `name: >` adds a line feed.",
        valohai(pipeline=nodes('"a\\nb"')),
    ),
    Rule(
        "cycle",
        (ERROR,),
        "the nodes or the included files form a cycle",
        "Remove one of the edges.",
        valohai(
            "inputs: [{name: x}]\n", pipeline=nodes("a", "b", edges="[a.output.*, b.input.x], [b.output.*, a.input.x]")
        ),
    ),
    Rule(
        "date-as-text",
        (WARNING,),
        "YAML reads a value as a date; it is treated as a string",
        "Quote it.",
    ),
    Rule(
        "distributed-policy",
        (WARNING,),
        "a rule for failed executions has another effect in a distributed task, all of whose executions fail with one",
        "Remove `on-child-error`, and write `on-error: stop-next` in place of `continue`.",
        valohai(
            _RATE,
            pipeline=task(
                "type: distributed\nexecution-count: 2\non-child-error: continue-and-error\nparameters: []\n"
            ),
        ),
    ),
    Rule(
        "duplicate-alias",
        (ERROR,),
        "a deployment node has an alias twice",
        "Remove one of them.",
        valohai(pipeline=_deployed("endpoints: [predict], aliases: [live, live]")),
    ),
    Rule(
        "duplicate-edge",
        (NOTE,),
        "an edge occurs twice",
        "Remove one of them.",
        valohai(
            "inputs: [{name: x, optional: true}]\n",
            pipeline=nodes("a", "b", edges="[a.output.*, b.input.x], [a.output.*, b.input.x]"),
        ),
    ),
    Rule(
        "duplicate-file",
        (ERROR,),
        "two files of an endpoint have the same name or path",
        "Rename one of them.",
        valohai(
            pipeline=_deployed().replace(
                "{name: model, path: model.pkl}", "{name: model, path: model.pkl}, {name: old, path: model.pkl}"
            )
        ),
    ),
    Rule(
        "duplicate-name",
        (ERROR, WARNING),
        "a name occurs twice; a warning if the last one counts",
        "Rename or remove one of them.",
        valohai(pipeline="- step: {name: train, image: python:3.12, command: date}\n" + nodes("train")),
    ),
    Rule(
        "duplicate-node",
        (ERROR,),
        "two nodes have the same name",
        "Rename one of them.",
        valohai(pipeline=nodes("train", "train")),
    ),
    Rule(
        "duplicate-parameter",
        (ERROR,),
        "two pipeline parameters have the same name",
        "Rename one of them, or give one several `targets`.",
        valohai(
            "parameters: [{name: a}, {name: b}]\n",
            pipeline=_parameters(
                "      - {name: x, target: train.parameters.a}\n      - {name: x, target: train.parameters.b}\n"
            ),
        ),
    ),
    Rule(
        "duplicate-pipeline",
        (ERROR,),
        "two pipelines have the same name, apart from control characters",
        "Rename one of them.",
        valohai(
            pipeline=nodes("train").replace("name: Train", 'name: "a b"')
            + nodes("train").replace("name: Train", 'name: "a\\nb"')
        ),
    ),
    Rule(
        "empty-command",
        (WARNING,),
        "a step has no command",
        "Write one, or remove the step.",
        valohai(command='""'),
    ),
    Rule(
        "empty-grid",
        (WARNING,),
        "a grid has no points",
        "Add values: a task node without executions fails.",
        valohai(_RATE, pipeline=task("parameters: [{name: rate, style: multiple, rules: {items: []}}]\n")),
    ),
    Rule(
        "flattened-name",
        (NOTE,),
        "line breaks or control characters in a pipeline's name are replaced",
        "Write the name on one line; `name: >` adds a line feed.",
        valohai(pipeline=nodes("train").replace("name: Train", "name: >\n      Train\n")),
    ),
    Rule(
        "group-too-wide",
        (ERROR, WARNING),
        "the executions of a distributed task start together, and the engine does not run as many at once",
        "Raise the limit that the message names in `translator.toml`.",
        valohai(
            _RATE,
            pipeline=task("type: distributed\nexecution-count: 17\nparameters: []\n"),
            arguments=("check", "FILE", "--target", "airflow"),
        ),
    ),
    Rule(
        "ignored-*",
        (NOTE,),
        "a key of Valohai has no effect here; [Valohai's keys](valohai.md) gives the reasons",
        "No change is needed: the key can stay for Valohai.",
        valohai("icon: x\n"),
    ),
    Rule(
        "ignored-configuration",
        (NOTE,),
        "`configuration` of an edge has no effect",
        "Remove it: it has none in Valohai either.",
        valohai(
            "inputs: [{name: x, optional: true}]\n",
            pipeline=nodes("a", "b", edges="{source: a.output.*, target: b.input.x, configuration: {a: 1}}"),
        ),
    ),
    Rule(
        "ignored-devices",
        (WARNING,),
        "a process on a worker is not allotted devices",
        'Choose workers that have them (`airflow.queue`), or write `runner = "docker"` or `"kubernetes"`, in '
        "`translator.toml`.",
        valohai("resources: {devices: {nvidia.com/gpu: 1}}\n"),
    ),
    Rule(
        "ignored-environment",
        (NOTE,),
        "`environment` has no effect, because `translator.toml` has no table for it",
        "Say in `[environments.NAME]` of [`translator.toml`](configuration.md) where such steps run.",
        valohai("environment: aws-gpu\n"),
    ),
    Rule(
        "ignored-image",
        (NOTE,),
        "steps run as processes, so their images are ignored",
        "No change is needed if workers have what the steps need. "
        'Otherwise write `runner = "docker"` or `"kubernetes"` into `translator.toml`.',
        valohai(),
    ),
    Rule(
        "ignored-item",
        (WARNING,),
        "a list item has a second kind, which is ignored",
        "Start a new list item with `- `.",
        Example(
            "- step: {name: train, image: python:3.12, command: date}\n"
            "  pipeline: {name: Train, nodes: [], edges: []}\n" + nodes("train").replace("Train", "Other"),
            "valohai.yaml",
        ),
    ),
    Rule(
        "ignored-resources",
        (NOTE,),
        "minimum resources have no effect",
        "Choose the machine with a queue, a pool or a work pool in `translator.toml`.",
        valohai("resources: {cpu: {min: 1}}\n"),
    ),
    Rule(
        "ignored-rule",
        (WARNING,),
        "a rule does not belong to this style of parameter",
        "Remove it, or choose another style.",
        valohai(_RATE, pipeline=task("parameters: [{name: rate, style: single, rules: {value: 1, count: 3}}]\n")),
    ),
    Rule(
        "ignored-secrets",
        (WARNING,),
        "settings give secrets to a deployment node, whose servers do not get them",
        "Let the servers read secrets from where they are kept.",
        valohai(pipeline=_deployed(), files={"translator.toml": '[nodes.deploy.secrets]\nTOKEN = "model_token"\n'}),
    ),
    Rule(
        "incomplete-command",
        (WARNING,),
        "a command has unbalanced quotes or ends too early",
        "Correct the command: a shell cannot run it.",
        valohai(command="echo 'it"),
    ),
    Rule(
        "large-grid",
        (WARNING,),
        "a grid has more points than Airflow maps by default",
        "Raise `[core] max_map_length` of Airflow, or split the grid over several nodes.",
        valohai(
            "parameters: [{name: seed, type: integer, default: 1}]\n",
            pipeline=task("parameters: [{name: seed, style: linear, rules: {start: 1, end: 2000}}]\n"),
        ),
    ),
    Rule(
        "lint",
        (ERROR, WARNING, NOTE),
        "a finding of Valohai's own linter",
        "The message says what to do.",
        valohai(_RATE, pipeline=task("parameter-sets: [{rate: 1}, {rate: 2}]\n")),
    ),
    Rule(
        "literal-secret",
        (WARNING,),
        "a secret would appear in generated code",
        "Leave it out and set it on the workers, or name it in `secrets` of `translator.toml`.",
        valohai("inputs: [{name: data, default: 'https://bob:secret@example.com/x'}]\n"),
    ),
    Rule(
        "missing-environment",
        (ERROR, WARNING),
        "Valohai's linter finds no `environment`",
        "Set `environment` as well.",
        valohai("runtime-config-preset: small\n"),
    ),
    Rule(
        "missing-endpoint-file",
        (WARNING,),
        "no edge brings a file of an endpoint",
        "Add an edge that ends in `NODE.file.ENDPOINT.FILE`, unless the project has the file.",
        valohai(pipeline=_deployed(edge="train.dependency.*, deploy.dependency.*")),
    ),
    Rule(
        "missing-script",
        (ERROR, WARNING),
        "the script of a step does not exist",
        "Correct the path, or name the project directory with `--project`.",
        valohai(command="python train.py"),
    ),
    Rule(
        "needs-fsspec",
        (NOTE,),
        "workers need an fsspec package for this input, or for the artifact store",
        "Install the package that the message names on the workers.",
        valohai("inputs: [{name: data, default: 's3://bucket/data.csv'}]\n"),
    ),
    Rule(
        "no-effect",
        (WARNING,),
        "a key, or a part of an action, has no effect",
        "Remove it.",
        valohai("parameters: [{name: a, pass-true-as: x}]\n"),
    ),
    Rule(
        "no-endpoints",
        (WARNING,),
        "a deployment node has no endpoints",
        "List them: `endpoints: [NAME]`.",
        valohai(
            pipeline=_deployed("aliases: [live]", "train.dependency.*, deploy.dependency.*").replace(_ENDPOINT, "")
        ),
    ),
    Rule(
        "no-metadata",
        (WARNING,),
        "a condition uses metadata before the node can have printed any",
        "Use the event `node-complete` of the node that prints it.",
        valohai(
            pipeline=nodes("train").replace(
                "step: train",
                "step: train, actions: [{when: node-starting, if: not metadata.rows, then: stop-pipeline}]",
            )
        ),
    ),
    Rule(
        "no-nodes",
        (WARNING,),
        "a pipeline has no nodes",
        "Add nodes, or remove the pipeline.",
        valohai(pipeline="- pipeline: {name: Train, nodes: [], edges: []}\n"),
    ),
    Rule(
        "no-pipeline",
        (ERROR, WARNING),
        "the file has no pipeline",
        "Add an item `- pipeline:` with a node for each step.",
        valohai(pipeline=""),
    ),
    Rule(
        "no-targets",
        (WARNING,),
        "a pipeline parameter has no targets",
        "Add `targets: [NODE.parameters.NAME]`.",
        valohai(_RATE, pipeline=_parameters("      - {name: rate, default: 1}\n")),
    ),
    Rule(
        "overridden-parameter",
        (WARNING,),
        "an edge overrides a pipeline parameter",
        "Remove the edge or the target.",
        valohai(
            _RATE,
            pipeline=nodes(
                "a",
                "b",
                edges="[a.metadata.k, b.parameter.rate]",
                more="parameters: [{name: q, target: b.parameters.rate}]\n",
            ),
        ),
    ),
    Rule(
        "plural-port",
        (NOTE,),
        "a port's kind is in the plural",
        "Write `output` and `input`: Valohai's own linter accepts only the singular.",
        valohai("inputs: [{name: x, optional: true}]\n", pipeline=nodes("a", "b", edges="[a.outputs.*, b.input.x]")),
    ),
    Rule(
        "required-input",
        (NOTE,),
        "every run must be given an input",
        "Give it when a run starts (`--input NODE.INPUT=URI`, or in the engine's form); or add an edge or a default, "
        "or set `optional: true`.",
        valohai("inputs: [{name: data}]\n"),
    ),
    Rule(
        "similar-names",
        (NOTE,),
        "two names would be equal in generated code, so digits tell them apart",
        "No change is needed. You can rename one of them.",
        valohai(pipeline=nodes("a_b", "a-b")),
    ),
    Rule(
        "too-many-batches",
        (ERROR,),
        "a Bayesian search has more batches than a DAG may have",
        "Set a greater `execution-batch-size`, or translate the pipeline to Prefect.",
        target="airflow",
    ),
    Rule(
        "two-edges",
        (ERROR,),
        "two edges set the same parameter or variable",
        "Remove one of them.",
        valohai(
            _RATE,
            pipeline=nodes("a", "b", edges="[a.metadata.x, b.parameter.rate], [a.metadata.y, b.parameter.rate]"),
        ),
    ),
    Rule(
        "two-values",
        (ERROR,),
        "two pipeline parameters set the same parameter",
        "Remove one of the targets.",
        valohai(
            _RATE,
            pipeline=_parameters(
                "      - {name: x, target: train.parameters.rate}\n      - {name: y, target: train.parameters.rate}\n"
            ),
        ),
    ),
    Rule(
        "uneven-parameter-sets",
        (WARNING,),
        "parameter sets have different parameters",
        "Give each set all parameters; those that it lacks keep their defaults.",
        valohai(
            "parameters: [{name: a, default: x}, {name: b, default: y}]\n",
            pipeline=task("type: manual_search\nparameter-sets: [{a: x}, {b: y}]\n"),
        ),
    ),
    Rule(
        "unknown-data",
        (NOTE, WARNING),
        "`translator.toml` does not have a name of data; a warning if only Valohai knows it",
        "Write what it stands for into `[catalogue.names]` of `translator.toml`, add it to the store's catalogue, or "
        "give the input its files when the run starts. See [Data by name](data.md).",
        valohai("inputs: [{name: data, default: 'dataset://images/latest'}]\n"),
    ),
    Rule(
        "undeclared-environment-variable",
        (WARNING,),
        "the step of a node does not declare the variable that an edge sets",
        "Correct the name, or add the variable to `environment-variables` of the step.",
        valohai(
            "environment-variables: [{name: MODE}]\n",
            pipeline=nodes("a", "b", edges="[a.metadata.mode, b.environment-variable.MODI]"),
        ),
    ),
    Rule(
        "unknown-endpoint",
        (ERROR,),
        "a deployment node names an endpoint that does not exist",
        "Correct the name, or define the endpoint.",
        valohai(pipeline=_deployed("endpoints: [predict, greet]")),
    ),
    Rule(
        "unknown-environment-variable",
        (ERROR,),
        "a node has no value for this environment variable",
        "Correct the name, or give the step's variable a default.",
        valohai(
            "environment-variables: [{name: MODE, default: fast}]\n",
            pipeline=nodes("a", "b", edges="[a.environment-variable.MODI, b.environment-variable.MODE]"),
        ),
    ),
    Rule(
        "unknown-file",
        (ERROR,),
        "an edge ends in a file that no endpoint of the node has",
        "Write `NODE.file.ENDPOINT.FILE`, with a file that the endpoint lists.",
        valohai(pipeline=_deployed(edge="train.output.*, deploy.file.predict.weights")),
    ),
    Rule(
        "unknown-input",
        (ERROR,),
        "a node or step has no input of this name",
        "Correct the name, or add the input to the step.",
        valohai(pipeline=nodes("a", "b", edges="[a.output.*, b.input.data]")),
    ),
    Rule(
        "unknown-item",
        (WARNING,),
        "a list item is of a kind that Valohai does not have",
        "Correct the name, or remove the item.",
        valohai(pipeline="- pipelin: {name: Other}\n" + nodes("train")),
    ),
    Rule(
        "unknown-key",
        (ERROR, WARNING),
        "a key does not exist; a warning if the source engine ignores it",
        "Correct the name, or remove the key.",
        valohai("comand: date\n"),
    ),
    Rule(
        "unknown-node",
        (ERROR,),
        "there is no node of this name",
        "Correct the name.",
        valohai("inputs: [{name: x, optional: true}]\n", pipeline=nodes("a", edges="[b.output.*, a.input.x]")),
    ),
    Rule(
        "unknown-parameter",
        (ERROR, WARNING),
        "there is no parameter of this name; a warning if the pipeline can run without it",
        "Correct the name, or add the parameter to the step.",
        valohai(pipeline=nodes("a", "b", edges="[a.metadata.x, b.parameter.rate]")),
    ),
    Rule(
        "unknown-placeholder",
        (ERROR, WARNING),
        "a placeholder names no parameter, or follows an open brace; a warning in a command, which gets it as it is "
        "written",
        "Correct the name, or close the brace before the placeholder.",
        valohai(_RATE, command="date {parameter:rat}"),
    ),
    Rule(
        "unknown-port",
        (ERROR,),
        "nodes have no ports of this kind",
        "Correct the kind: `output`, `input`, `metadata`, `parameter`, `environment-variable`, `dependency`.",
        valohai("inputs: [{name: x, optional: true}]\n", pipeline=nodes("a", "b", edges="[a.outptu.*, b.input.x]")),
    ),
    Rule(
        "unknown-step",
        (ERROR,),
        "there is no step of this name",
        "Correct the name.",
        valohai(pipeline=nodes("a").replace("step: train", "step: trian")),
    ),
    Rule(
        "unknown-task",
        (ERROR,),
        "there is no task blueprint of this name",
        "Correct the name.",
        valohai(pipeline=nodes("a").replace("type: execution, step: train", "type: task, task: search")),
    ),
    Rule("unreadable", (ERROR,), "Valohai's own parser fails", "Correct what the message says."),
    Rule(
        "unsupported-*",
        (ERROR,),
        "a valid construct is not translated yet",
        "Replace the construct; [Valohai's keys](valohai.md) lists what is translated.",
        valohai("stop-condition: execution.duration > 60\n"),
    ),
    Rule(
        "unsupported-mounts",
        (ERROR,),
        "the runner cannot mount this",
        'Write `runner = "docker"` into `translator.toml` for this step.',
        valohai('mounts: ["/data:/data"]\n'),
    ),
)
