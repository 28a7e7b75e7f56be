"""List the codes of findings about files of any language, options and settings."""

from translator.rules.examples import nodes, settings, task, valohai
from translator.rules.model import ERROR, NOTE, WARNING, Example, Rule

RULES = (
    Rule(
        "alias-bomb",
        (ERROR,),
        "aliases expand to more than 100,000 values",
        "Write the values without aliases.",
        Example(
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
            "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
            "e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n",
            "valohai.yaml",
        ),
    ),
    Rule(
        "bad-assumption",
        (ERROR,),
        "`--assume` is invalid",
        "Write the name of a condition and its result, or a value of metadata: `--assume has_data=true`, "
        "`--assume train.metadata.accuracy=0.8`; or that a person rejects: `--assume train.approved=false`.",
        valohai(arguments=("explain", "FILE", "--assume", "has_data=maybe")),
    ),
    Rule(
        "bad-character",
        (ERROR,),
        "a text or a file's name contains a lone surrogate",
        "Rename the file, or write the character itself instead of its escape.",
    ),
    Rule(
        "bad-failure",
        (ERROR,),
        "`--fail` is invalid",
        "Name a node of the pipeline, or one of its executions: `--fail train`, `--fail 'train[1]'`.",
        valohai(arguments=("explain", "FILE", "--fail", "trian")),
    ),
    Rule(
        "bad-ignore",
        (WARNING,),
        "a comment `# translate: ignore` names no code, or is part of a text",
        "Name the codes in brackets. For a text of several lines, write the comment behind its key.",
        valohai("icon: x  # translate: ignore\n", arguments=("check", "FILE", "--ignore", "ignored-*")),
    ),
    Rule(
        "bad-merge",
        (ERROR,),
        "`<<` merges something other than mappings",
        "Merge an alias of a mapping, or a list of such aliases.",
        valohai("<<: text\n"),
    ),
    Rule(
        "bad-input",
        (ERROR,),
        "`--input` or `--inputs-file` is invalid, or a required input is missing",
        "Write `--input NODE.INPUT=URI` with an input of the pipeline.",
    ),
    Rule(
        "bad-parameter",
        (ERROR,),
        "`--param` is invalid",
        "Write `--param NAME=VALUE` with a parameter of the pipeline, or `NODE.PARAMETER=VALUE`.",
        valohai(arguments=("explain", "FILE", "--param", "rate=0.1")),
    ),
    Rule(
        "no-earlier-run",
        (ERROR,),
        "no earlier run has what a part of the pipeline takes from nodes that are left out",
        "Run the whole pipeline first, choose another run with `--run`, or give the files with `--input`.",
    ),
    Rule(
        "bad-scalar",
        (ERROR,),
        "a value looks like a number or a date, but is not valid",
        "Quote it if it is a string.",
        valohai("parameters: [{name: day, default: 2024-13-01}]\n"),
    ),
    Rule(
        "bad-setting",
        (ERROR,),
        "a setting in `translator.toml` is invalid",
        "The message says what the key takes; see [Configuration](configuration.md#keys).",
        settings("[defaults.airflow]\nretries = -1\n"),
    ),
    Rule(
        "complex-key",
        (ERROR,),
        "a key is a list or a mapping",
        "Use a string as the key. `{a}` without a colon is a mapping in YAML: quote it.",
        valohai("[a, b]: c\n"),
    ),
    Rule(
        "control-character",
        (ERROR,),
        "the file contains a control character",
        "Remove it.",
        valohai(command="date\x07"),
    ),
    Rule(
        "duplicate-key",
        (ERROR, WARNING),
        "a key occurs twice; in Valohai and Loom the last one counts, with a warning",
        "Remove one of them.",
        valohai("icon: x\nicon: y\n", arguments=("check", "FILE", "--ignore", "ignored-*")),
    ),
    Rule("empty-file", (ERROR,), "the file is empty", "Pass a pipeline file.", Example("", "valohai.yaml")),
    Rule(
        "huge-file",
        (ERROR,),
        "the file is too large",
        "Pass a pipeline file: it may have 2 MiB and 200,000 values. Read large data from files in your steps.",
    ),
    Rule(
        "key-not-text",
        (ERROR,),
        "a key is not a string",
        "Quote the key: YAML reads `on`, `yes` and `1` as other values.",
        valohai("on: x\n"),
    ),
    Rule(
        "large-number",
        (ERROR,),
        "an integer has more than 64 bits",
        "Write it as a string.",
        valohai("parameters: [{name: seed, type: integer, default: 9223372036854775808}]\n"),
    ),
    Rule(
        "missing-file",
        (ERROR, WARNING),
        "a file does not exist",
        "Check the path. In a pipeline file it is relative to the project: its directory, or that of `--project`.",
        Example("", "valohai.yaml", {}, ("check", "gone.yaml")),
    ),
    Rule(
        "no-parameters-file",
        (ERROR,),
        "the language has no parameters files",
        "Set values with `--param NAME=VALUE`.",
        valohai(files={"p.yaml": "rate: 0.1\n"}, arguments=("check", "FILE", "--parameters-file", "p.yaml")),
    ),
    Rule(
        "not-a-file",
        (ERROR,),
        "the path is a directory",
        "Pass the file in it.",
        Example("", "valohai.yaml", {"steps/fit.py": ""}, ("check", "steps")),
    ),
    Rule(
        "not-finite",
        (ERROR,),
        "a number is infinite or not a number",
        "Write a number. JSON, which engines and stores use, has no other ones.",
        valohai("parameters: [{name: rate, type: float, default: .inf}]\n"),
    ),
    Rule(
        "not-ignorable",
        (WARNING,),
        "a comment asks to ignore an error",
        "Fix the error: nothing is translated before.",
        # The error itself is reported, too.
    ),
    Rule(
        "not-toml",
        (ERROR,),
        "the file is not valid TOML",
        "Correct the syntax at the place of the finding.",
        settings("[defaults\n"),
    ),
    Rule("not-utf-8", (ERROR,), "the file is not encoded in UTF-8", "Save it as UTF-8."),
    Rule(
        "not-yaml",
        (ERROR,),
        "the file is not valid YAML",
        "Correct the syntax. Often the indentation is wrong, or a text with `: ` or ` #` lacks quotes. A pipeline in "
        "Python must be [written as YAML](magnus.md#pipelines-in-python) first.",
        Example("- step: {name: train\n", "valohai.yaml"),
    ),
    Rule(
        "nul-character",
        (ERROR,),
        "a text contains a NUL character",
        "Remove it: neither databases nor commands can use it.",
        valohai('environment-variables: [{name: A, default: "a\\0"}]\n'),
    ),
    Rule(
        "recursive-alias",
        (ERROR,),
        "an alias contains itself",
        "Write the value without the alias.",
        Example("a: &a [*a]\n", "valohai.yaml"),
    ),
    Rule(
        "several-documents",
        (ERROR,),
        "the file has more than one YAML document",
        "Remove `---`, or split the file.",
        valohai(pipeline="---\n- pipeline: {name: Train, nodes: [], edges: []}\n"),
    ),
    Rule(
        "too-deep",
        (ERROR,),
        "values are nested too deeply",
        "Use at most 100 levels.",
        Example(f"{'[' * 101}{']' * 101}\n", "valohai.yaml"),
    ),
    Rule(
        "too-many-errors",
        (ERROR,),
        "the rest of the file is not checked",
        "Fix the first 1,000 errors, or pass a pipeline file.",
    ),
    Rule(
        "unknown-alias",
        (ERROR,),
        "an alias has no anchor",
        "Define the anchor earlier in the file: `&name`. Quote a text that starts with `*`.",
        Example("- step: *base\n", "valohai.yaml"),
    ),
    Rule(
        "unknown-code",
        (WARNING,),
        "a comment asks to ignore a code that does not exist",
        "`translate rule` lists the codes.",
        valohai("time-limit: 5  # translate: ignore[bad-dorations]\n"),
    ),
    Rule(
        "unknown-dialect",
        (ERROR,),
        "the language is not known or cannot be detected",
        "Pass a pipeline file. `--dialect NAME` chooses the language.",
        Example("services: {web: {image: nginx}}\n", "docker-compose.yaml"),
    ),
    Rule(
        "unknown-deployer",
        (ERROR,),
        "no installed package has a deployer of this name",
        "Correct the name, or install the package that has the deployer where you translate, too.",
        settings('[defaults]\ndeployer = "locl"\n'),
    ),
    Rule(
        "unknown-runner",
        (ERROR,),
        "no installed package has a runner of this name",
        "Correct the name, or install the package that has the runner where you translate, too.",
        settings('[defaults]\nrunner = "dokcer"\n'),
    ),
    Rule(
        "unknown-setting",
        (ERROR,),
        "`translator.toml` has no key of this name",
        "See [Configuration](configuration.md#keys) for the keys of each table.",
        settings("[defaults.airflow]\nretrys = 2\n"),
    ),
    Rule(
        "unknown-tag",
        (ERROR,),
        "YAML tags like `!x` are not known",
        "Remove the tag. Quote a text that starts with `!`.",
        valohai(command="!include command.txt"),
    ),
    Rule("unreadable-file", (ERROR,), "the file cannot be read", "Check its permissions."),
    Rule(
        "unused-ignore",
        (WARNING,),
        "a comment asks to ignore a finding that is not there",
        "Remove the comment. It belongs at the end of the line that the finding points at, or above that line.",
        valohai("time-limit: 5  # translate: ignore[bad-default]\n"),
    ),
    Rule(
        "unused-setting",
        (WARNING,),
        "a setting in `translator.toml` matches nothing in the file",
        "Correct the name of the table.",
        settings('[steps.trian]\nimage = "python:3.13"\n'),
    ),
    Rule(
        "id-too-long",
        (ERROR,),
        "an id would be longer than Airflow allows",
        "Shorten the name of the node or of the graph around it, or set a shorter `dag_id`.",
        valohai(
            files={"translator.toml": f'[defaults.airflow.dag]\ndag_id = "{"x" * 251}"\n'},
            arguments=("check", "FILE", "--target", "airflow"),
        ),
        target="airflow",
    ),
    Rule(
        "catchup-without-start",
        (ERROR,),
        "a schedule makes up for missed runs, but nothing says since when",
        "Write `start_date` beside `catchup`.",
        settings('[defaults.schedule]\ncron = "0 3 * * *"\ncatchup = true\n'),
    ),
    Rule(
        "schedule-without-input",
        (ERROR,),
        "a pipeline has a schedule, and an input that every run must be given",
        "Give the input a default, make it optional, or remove the schedule: nobody gives scheduled runs anything.",
        settings('[defaults.schedule]\ncron = "0 3 * * *"\n', "inputs: [{name: images}]\n"),
    ),
    Rule(
        "endless-schedule",
        (ERROR,),
        "a pipeline starts when an asset is updated that it updates itself",
        "Remove the asset from the schedule or from the node: each run would start the next.",
        settings(
            '[pipelines.Train]\nassets.train = ["digits-model"]\nschedule.assets = ["digits-model"]\n',
        ),
    ),
    Rule(
        "unsupported-asset",
        (ERROR,),
        "a node whose last task succeeds even if the node fails cannot update an asset",
        "Let another node update it, or remove `on-error: continue`.",
        valohai(
            "parameters: [{name: rate, type: float, default: 0.1}]\n",
            pipeline=task(
                "type: grid_search\non-child-error: continue-and-error\n"
                "parameters: [{name: rate, style: multiple, rules: {items: [1, 2]}}]\n"
            ).replace("task: search}", "task: search, on-error: continue}"),
            files={"translator.toml": '[pipelines.Train.assets]\nsearch = ["digits-model"]\n'},
            arguments=("check", "FILE", "--target", "airflow"),
        ),
        target="airflow",
    ),
    Rule(
        "ignored-assets",
        (WARNING,),
        "Prefect does not start runs when assets are updated",
        "Make an automation that runs one deployment when the flow run of the other is complete.",
        valohai(
            files={"translator.toml": '[defaults.schedule]\nassets = ["model"]\n'},
            arguments=("check", "FILE", "--target", "prefect"),
        ),
        target="prefect",
    ),
    Rule(
        "ignored-catchup",
        (WARNING,),
        "Prefect does not make up for missed runs",
        "Start runs of past days with `prefect deployment run`.",
        valohai(
            files={
                "translator.toml": '[defaults.schedule]\ncron = "0 3 * * *"\ncatchup = true\nstart_date = 2026-01-31\n'
            },
            arguments=("check", "FILE", "--target", "prefect", "--ignore", "ignored-start-date"),
        ),
        target="prefect",
    ),
    Rule(
        "clock-change",
        (WARNING,),
        "when clocks are changed, the engines start a scheduled run at different times",
        "Choose an hour that comes once on every day, or a time zone without changes, such as UTC. Ignore the code if "
        "an hour, or one run of an hourly schedule, does not matter.",
        valohai(
            files={"translator.toml": '[defaults.schedule]\ncron = "30 3 * * *"\ntimezone = "Europe/Helsinki"\n'},
        ),
    ),
    Rule(
        "ignored-start-date",
        (WARNING,),
        "Prefect schedules runs as soon as the flow is deployed",
        "Deploy the flow when its runs may start.",
        valohai(
            files={"translator.toml": '[defaults.schedule]\ncron = "0 3 * * *"\nstart_date = 2026-01-31\n'},
            arguments=("check", "FILE", "--target", "prefect"),
        ),
        target="prefect",
    ),
    Rule(
        "ignored-task-runner",
        (WARNING,),
        "a node that is not a task node has a Prefect task runner, which only task nodes use",
        "Give the task runner to task nodes only. In `[defaults.prefect]` it counts for all of them. Single executions "
        "run in the flow's process; the docker and the kubernetes runner run their commands on other machines.",
        valohai(
            files={"translator.toml": '[nodes.train.prefect]\ntask_runner = "prefect_dask.DaskTaskRunner"\n'},
            arguments=("check", "FILE", "--target", "prefect"),
        ),
        target="prefect",
    ),
    Rule(
        "renamed-parameter",
        (NOTE,),
        "Prefect reserves the name of a parameter",
        "No change is needed if you start runs in the form, whose title stays. Otherwise rename the parameter.",
        valohai(
            "parameters: [{name: rate}]\n",
            pipeline=nodes("train", more="parameters: [{name: self, target: train.parameters.rate}]\n"),
            arguments=("check", "FILE", "--target", "prefect"),
        ),
        target="prefect",
    ),
)
