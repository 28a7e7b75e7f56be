"""Run the vendor's own valohai-utils in a step's script."""

from __future__ import annotations

import json
import shlex
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from translator.shim.contract import Distributed, Input, Parameter, Step, output
from translator.shim.distributed.addresses import of_machine
from translator.shim.execution import execute
from translator.shim.inputs import edges

pytest.importorskip("valohai")

PYTHON = shlex.quote(sys.executable)
TRAIN = """
    import valohai, json, zipfile

    valohai.prepare(
        step="train",
        default_parameters={"lr": 0.5, "epochs": 1, "fast": False, "names": ["x"], "label": "none"},
        default_inputs={"data": "nowhere/*", "archive": "nowhere"},
    )
    found = {
        "lr": valohai.parameters("lr").value,
        "epochs": valohai.parameters("epochs").value,
        "fast": valohai.parameters("fast").value,
        "names": valohai.parameters("names").value,
        "label": valohai.parameters("label").value,
        "missing": valohai.parameters("missing", default="d").value,
        "data": sorted(open(path).read() for path in valohai.inputs("data").paths()),
        "csv": [path.rsplit("/", 1)[1] for path in valohai.inputs("data").paths("*.csv")],
        "archive": sorted(open(path).read() for path in valohai.inputs("archive").paths()),
        "raw": valohai.inputs("archive").path(process_archives=False).rsplit("/", 1)[1],
        "empty": valohai.inputs("maybe").path(),
        "dir": valohai.inputs("data").dir_path().rsplit("/", 1)[1],
        "counter": valohai.execution().config.counter,
        "id": valohai.execution().config.id,
    }
    with valohai.logger() as logger:
        logger.log("epoch", 1)
        logger.log("accuracy", 0.5)
    with valohai.logger() as logger:
        logger.log("epoch", 2)
        logger.log(accuracy=float("nan"), found=found)
    with open(valohai.outputs("models").path("deep/model.txt"), "w") as file:
        file.write("model")
    with open(valohai.outputs().path("live.txt"), "w") as file:
        file.write("live")
    valohai.outputs().live_upload("live.txt")
    open(valohai.outputs().path("a.log"), "w").write("a")
    valohai.outputs().compress("*.log", "logs.zip")
    with valohai.output_properties() as properties:
        properties.add(file="live.txt", properties={"k": "v"})
"""


def test_a_training_script_works_unchanged(worker) -> None:
    worker.script("train.py", TRAIN)
    worker.script("data/a.csv", "A")
    worker.script("data/b.txt", "B")
    with zipfile.ZipFile(worker.project / "files.zip", "w") as archive:
        archive.writestr("in/one.txt", "1")
        archive.writestr("two.txt", "2")
    step = Step(
        "train",
        [f"{PYTHON} /valohai/repository/train.py {{parameters}}"],
        parameters=[
            Parameter("lr", "float", 1e-05),
            Parameter("epochs", "integer", 3),
            Parameter("fast", "flag", default=True),
            Parameter("names", default=("a", "b"), multiple="separate"),
            Parameter("label"),
        ],
        inputs=[
            Input("data", ["data/*"]),
            Input("archive", ["files.zip"]),
            Input("maybe", optional=True),
        ],
    )
    manifest = worker.run(step, parameters={"label": "ü ☃ \U0001f600 /valohai/inputs/data"})
    assert manifest.state == "complete", (manifest.reason, worker.log)
    found = manifest.metadata["found"]
    inputs_folder = found.pop("label").removeprefix("ü ☃ \U0001f600 ")
    assert inputs_folder.endswith("/valohai/inputs/data")
    execution_id = found.pop("id")
    assert len(execution_id) == 36
    assert found == {
        "lr": 1e-05, "epochs": 3, "fast": True, "names": ["a", "b"], "missing": "d",
        "data": ["A", "B"], "csv": ["a.csv"], "archive": ["1", "2"], "raw": "files.zip",
        "empty": None, "dir": "data", "counter": None,
    }  # fmt: skip
    assert (manifest.metadata["epoch"], manifest.metadata["accuracy"]) == (2, None)
    assert sorted(record.path for record in manifest.outputs) == [
        "live.txt", "logs.zip", "models/deep/model.txt", "valohai.metadata.jsonl",
    ]  # fmt: skip

    worker.log.clear()
    evaluate = Step(
        "evaluate",
        [f"{PYTHON} evaluate.py"],
        inputs=[Input("model"), Input("everything", keep_directories="full")],
    )
    worker.script(
        "evaluate.py",
        """
        import valohai
        print(open(valohai.inputs("model").path()).read())
        print(sorted(valohai.inputs("everything").paths(process_archives=False, path_filter="models/*")))
        """,
    )
    upstream = {"train": [manifest]}
    inputs = {
        "model": edges.files(evaluate.inputs[0], [output("train", "models/*")], "replace", upstream),
        "everything": edges.files(evaluate.inputs[1], [output("train")], "replace", upstream),
    }
    evaluated = worker.run(evaluate, node="evaluate", inputs=inputs)
    assert evaluated.state == "complete", evaluated.reason
    assert worker.output[0] == "model"
    assert worker.output[1].endswith("/inputs/everything/models/deep/model.txt']")
    assert [record.path for record in evaluated.inputs["everything"]] == [
        "live.txt",
        "logs.zip",
        "models/deep/model.txt",
    ]


def test_a_script_without_prepare_and_without_placeholders_reads_its_parameters(worker) -> None:
    worker.script("p.py", "import valohai; print(valohai.parameters('names').value, valohai.parameters('n').value)")
    step = Step("s", [f"{PYTHON} p.py"], parameters=[Parameter("names", multiple="repeat"), Parameter("n", "integer")])
    worker.run(step, parameters={"names": ["a", "b"], "n": 3})
    assert worker.output == ["['a', 'b'] 3"]


def test_the_config_files_say_the_same_in_both_formats(worker) -> None:
    worker.script(
        "both.py",
        """
        import json, os, yaml
        for name in ("parameters", "inputs", "execution"):
            base = os.path.join(os.environ["VH_CONFIG_DIR"], name)
            one, other = json.load(open(base + ".json")), yaml.safe_load(open(base + ".yaml"))
            assert one == other, (name, one, other)
            print(json.dumps(one))
        """,
    )
    worker.script("a.txt", "A")
    values = {"tiny": 1e-300, "big": 1e22, "text": "3e4 \u2028 \x7f é \U0001f600\n", "list": ["1e5", "no", "y: x"]}
    step = Step(
        "s",
        [f"{PYTHON} both.py"],
        parameters=[
            Parameter("tiny", "float"), Parameter("big", "float"), Parameter("text"),
            Parameter("list", multiple="repeat"), Parameter("none"),
        ],
        inputs=[Input("a", ["a.txt"])],
    )  # fmt: skip
    manifest = worker.run(step, parameters=values)
    assert manifest.state == "complete", manifest.reason
    parameters, inputs, execution = (json.loads(line) for line in worker.output)
    assert parameters == values
    [file] = inputs["a"]["files"]
    assert (file["name"], file["size"], file["uri"], len(file["checksums"]["sha256"])) == ("a.txt", 1, "a.txt", 64)
    assert execution["valohai.execution-step"] == "s"
    assert execution["valohai.pipeline-title"] == "Training Pipeline"


KNOWN = """
    execution-ctime execution-id execution-qtime execution-status execution-step execution-tags execution-title
    pipeline-id pipeline-node-id pipeline-tags pipeline-title project-id project-name
"""
VERSION = """
    import datetime, json, os, uuid

    with open(os.environ["VH_CONFIG_DIR"] + "/execution.json") as file:
        execution = json.load(file)
    with open(os.environ["VH_CONFIG_DIR"] + "/inputs.json") as file:
        one, other = json.load(file)["data"]["files"]
    owner, name = execution["valohai.project-name"].split("/")
    print(json.dumps({
        "version": f"dataset://{name}/{execution['valohai.execution-id']}",
        "keys": sorted(execution),
        "zone": str(datetime.datetime.fromisoformat(execution["valohai.execution-ctime"]).tzinfo),
        "data": [uuid.UUID(one["datum_id"]).version, one["datum_id"] == other["datum_id"]],
    }))
"""


def test_a_script_that_versions_its_outputs_finds_the_keys_that_are_known(worker) -> None:
    worker.script("version.py", VERSION)
    worker.script("data/a.csv", "A")
    worker.script("data/b.csv", "B")
    manifest = worker.run(Step("s", [f"{PYTHON} version.py"], inputs=[Input("data", ["data/*"])]))
    assert manifest.state == "complete", manifest.reason
    found = manifest.metadata
    assert found["version"].startswith("dataset://project/")
    assert found["keys"] == sorted(f"valohai.{key}" for key in KNOWN.split())
    assert (found["zone"], found["data"]) == ("UTC", [5, False])


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ("aws-eu-west-1-g4dn.xlarge", "valohai.environment-slug"),
        ("0167d05d-a1d7-7bd1-2df4-3e0ab4a4f0de", "valohai.environment-id"),
    ],
)
def test_what_settings_and_engines_know_is_in_execution_json(worker, environment: str, key: str) -> None:
    step = Step(
        "s",
        ["cat $VH_CONFIG_DIR/execution.json; echo; echo $VH_PROJECT_ID"],
        image="busybox",
        requested_environment=environment,
    )
    context = replace(worker.context(kind="task"), project_name="team/churn", creator='Ada "L" \u2028')
    assert execute(step, context).state == "complete", worker.told
    document, project = json.loads(worker.output[0]), worker.output[1]
    assert document["valohai.project-name"] == "team/churn"
    assert document["valohai.project-id"] == project
    assert document["valohai.creator-name"] == 'Ada "L" \u2028'
    assert document["valohai.execution-image"] == "busybox"
    assert document[key] == environment
    assert "valohai.task-id" in document
    assert not {"valohai.creator-id", "valohai.execution-counter", "valohai.commit-identifier"} & document.keys()


def test_members_of_a_distributed_task_know_each_other(worker) -> None:
    worker.script(
        "member.py",
        """
        import json, os, valohai
        group = valohai.distributed
        me, master = group.me(), group.master()
        assert group.is_distributed_task() and me.job_id == os.environ["VH_JOB_ID"]
        assert group.member_id == os.environ["VH_DIST_MEMBER_ID"] == str(group.rank)
        assert me.identity and me.announce_time and me.public_ips == [] and me.exposed_ports == {}
        assert [one.rank for one in group.members()] == list(range(group.required_count))
        found = {"name": group.group_name, "master": master.rank, "at": master.primary_local_ip, "mine": me.is_master}
        print(json.dumps({"found": found}))
        """,
    )
    step = Step("member", [f"{PYTHON} member.py"], distributed=Distributed(3, timeout=60))
    with ThreadPoolExecutor(3) as threads:
        manifests = list(threads.map(lambda rank: worker.run(step, index=rank, kind="task"), range(3)))
    assert [(one.state, one.reason) for one in manifests] == [("complete", None)] * 3, worker.told
    found = [one.metadata["found"] for one in manifests]
    assert [one.pop("mine") for one in found] == [True, False, False]
    assert found == [found[0]] * 3
    assert found[0]["name"].startswith("task-")
    assert (found[0]["master"], found[0]["at"]) == (0, of_machine()[0])
    alone = worker.run(
        Step("alone", [f"{PYTHON} -c 'import valohai; print(valohai.distributed.is_distributed_task())'"])
    )
    assert alone.state == "complete"
    assert worker.output[-1] == "False"
