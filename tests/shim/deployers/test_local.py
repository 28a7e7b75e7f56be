"""Test the deployer ``local``: real servers behind a real front."""

import gzip
import hashlib
import http.client
import http.server
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from translator.shim.contract import Endpoint
from translator.shim.deployers import DeployError
from translator.shim.deployers.local import health
from translator.shim.deployers.local.environment import inherited
from translator.shim.deployers.local.ports import is_free
from translator.shim.deployers.local.programs import LOG, program_name
from translator.shim.deployers.local.server import localised
from translator.shim.deployers.local.settings import address, check
from translator.shim.deployers.local.state import State
from translator.shim.deployers.local.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("TRANSLATOR_KILLED_DEPLOYERS", "2"))
SERVE = "python -m http.server --bind 0.0.0.0 8000"


ECHO = """\
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Method", environ["REQUEST_METHOD"])]
    headers += [("X-Query", environ["QUERY_STRING"]), ("X-Prefix", environ["HTTP_X_VH_PREFIX"])]
    if "HTTP_X_PACKED" in environ:
        headers.append(("Content-Encoding", environ["HTTP_X_PACKED"]))
    headers.append(("X-Names", " ".join(sorted(name for name in environ if name.startswith("HTTP_X_")))))
    start_response("201 Created", headers)
    return [body]
"""


OLD = """\
import http.server, os

class Old(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Old).serve_forever()
"""


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def command(text, port=8000):
    return [Endpoint("files", server_command=[text], port=port)]


def test_a_version_serves_its_files_behind_its_alias(machine):
    deployed = machine.deploy("one", aliases=("live", "staging"), variables={"COLOUR": "red"})
    assert (deployed.id, deployed.version) == ("digits", "1")
    assert deployed.urls == {"predict": f"http://127.0.0.1:{machine.port}/digits/staging/predict/"}
    status, text = machine.get("/digits/live/predict/some%20path?x=1", b"body")
    assert (status, text) == (200, "one|/digits/live/predict/some path|/digits/live/predict|/digits/1/predict|body|x=1")
    assert machine.get("/digits/1/predict")[1].split("|")[1:4] == ["/digits/1/predict"] * 3
    for path in (
        "/",
        "/digits",
        "/digits/other/predict/",
        "/digits/live/none/",
        "/../live/predict/",
        "/digits/2/predict/",
        f"/digits/{'9' * 5000}/predict/",
    ):
        assert machine.get(path)[0] == 404, path
    assert "alias live points to version 1" in machine.said


def test_requests_and_answers_pass_unchanged(machine):
    (machine.project / "echo.py").write_text(ECHO)
    (machine.project / "old.py").write_text(OLD)
    old = Endpoint("old", server_command="python old.py")
    machine.deploy(name="echo", endpoints=[Endpoint("echo", wsgi="echo"), old])
    large = os.urandom(3_000_000)

    def ask(method, body=None, endpoint="echo", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", machine.port, timeout=30)
        connection.request(method, f"/echo/live/{endpoint}/a%2Fb?q=%20", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.msg, answer.read()

    status, headers, body = ask("PUT", large, Expect="100-continue")
    assert (status, hashlib.sha256(body).digest()) == (201, hashlib.sha256(large).digest())
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert headers["X-Method"] == "PUT"
    assert headers["X-Query"] == "q=%20"
    assert ask("POST", iter([b"one", b"two"]))[2] == b"onetwo"  # chunked
    assert ask("HEAD")[2] == b""
    packed = ask("POST", gzip.compress(b"text"), **{"X-Packed": "gzip", "X-Vh-Prefix": "/forged"})
    assert (packed[1]["Content-Encoding"], gzip.decompress(packed[2])) == ("gzip", b"text")
    assert packed[1]["X-Prefix"] == "/echo/live/echo"
    assert ask("PUT", large, "old", Expect="100-continue")[2] == large
    names = ask("POST", b"", Connection="close, X-Hop", **{"X-Hop": "1", "X-End": "2"})[1]["X-Names"].split()
    assert "HTTP_X_END" in names
    assert "HTTP_X_HOP" not in names
    assert ask("GET", Connection="Upgrade", Upgrade="websocket")[0] == 501


def test_only_the_user_can_look_into_the_state_and_no_variable_of_the_worker_is_there(machine, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sesame-open")
    machine.deploy("kept", name="kept", variables={"COLOUR": "red"})
    assert stat.S_IMODE(machine.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((machine.directory / "supervisord.log").stat().st_mode) == 0o600
    texts = [path.read_text(errors="replace") for path in machine.directory.rglob("*") if path.is_file()]
    assert not any("sesame-open" in text for text in texts)
    assert any('"COLOUR": "red"' in text for text in texts)


def test_a_failed_version_leaves_the_old_one_serving_and_nothing_behind(machine):
    machine.deploy("good", name="guarded")
    before = sorted(path.name for path in (machine.directory / "programs").iterdir())
    broken = command("echo no model here; exit 3")
    with pytest.raises(DeployError, match=r"'files' ended while it started; its last lines:\nno model here"):
        machine.deploy("bad", name="guarded", endpoints=broken)
    deaf = command("python -m http.server --bind 127.0.0.1 29999")
    with pytest.raises(DeployError, match=r"'files' is not healthy after 1.2 s: .*VALOHAI_PORT"):
        machine.deploy("bad", name="guarded", endpoints=deaf, timeout=1.2)
    (machine.project / "sick").touch()
    with pytest.raises(DeployError, match=r"GET /guarded/4/predict/health answers with status 503"):
        machine.deploy("bad", name="guarded", health="/health", timeout=1.2)
    (machine.project / "sick").unlink()

    class StopError(Exception):
        pass

    def stop():
        if any(line.startswith("version 5") for line in machine.said):
            raise StopError

    with pytest.raises(StopError):
        machine.deploy("bad", name="guarded", pulse=stop)

    def stop_version():
        state = State(machine.directory)
        log = state.endpoint("guarded", 6, "files") / LOG
        if state.version("guarded", 6) is not None and log.is_file() and log.read_text():
            machine.administration.stop("guarded", "6")

    with pytest.raises(DeployError, match=r"^version 6 of guarded was stopped$"):
        machine.deploy("bad", name="guarded", endpoints=deaf, pulse=stop_version)
    assert machine.model(name="guarded") == "good"
    assert State(machine.directory).numbers("guarded") == [1]
    assert sorted(path.name for path in (machine.directory / "programs").iterdir()) == before
    assert machine.deploy("better", name="guarded").version == "7"  # no number is used twice


def test_a_command_listens_where_its_version_has_its_port(machine):
    (machine.project / "readme.txt").write_text("hello")
    machine.deploy(name="files", endpoints=command(SERVE))
    machine.deploy(name="files", endpoints=command(SERVE))
    # The server knows nothing of prefixes, as one on Valohai may not either.
    assert machine.get("/files/1/files/readme.txt")[0] == machine.get("/files/2/files/readme.txt")[0] == 404
    lines = list(machine.administration.logs("files", "live", None))
    assert any("/files/2/files/readme.txt" in line for line in lines)
    port = State(machine.directory).version("files", 2).endpoints["files"].port
    assert f"running: python -m http.server --bind 127.0.0.1 {port}" in lines


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("uvicorn predict:app --host 0.0.0.0 --port 8000", "uvicorn predict:app --host 127.0.0.1 --port 20123"),
        ("gunicorn -b 0.0.0.0:8000 app", "gunicorn -b 127.0.0.1:20123 app"),
        ("serve --port=8000 --limit 80000", "serve --port=20123 --limit 80000"),
        ("serve $VALOHAI_PORT 10.0.0.0 v8000 8000.5", "serve $VALOHAI_PORT 10.0.0.0 v8000 8000.5"),
    ],
)
def test_words_of_a_command_that_say_where_it_listens_are_replaced(written, run):
    assert localised(written, 8000, 20123) == run


def test_an_alias_moves_back_and_old_versions_go(machine):
    machine.deploy("a", name="rolled", keep=2)
    machine.deploy("b", name="rolled", keep=2)

    def overtake():
        """Deploy a newer version while this one starts."""
        state = State(machine.directory)
        if state.version("rolled", 3) is not None and state.aliases("rolled")["live"] == 2:
            machine.deploy("d", name="rolled", keep=2)

    slower = machine.deploy("c", name="rolled", keep=2, pulse=overtake)
    assert slower.urls["predict"].endswith("/rolled/3/predict/")
    assert "alias live stays at version 4, which is newer" in machine.said
    assert machine.model(name="rolled") == "d"
    state, administration = State(machine.directory), machine.administration
    assert state.numbers("rolled") == [2, 3, 4]
    administration.move("rolled", "live", "2")
    assert machine.model(name="rolled") == "b"
    with pytest.raises(DeployError, match="version 2 of rolled serves as live"):
        administration.stop("rolled", "2")
    with pytest.raises(DeployError, match="rolled has no version '1'; it has: 2, 3, 4"):
        administration.move("rolled", "live", "1")
    with pytest.raises(DeployError, match="rolled has no version '999"):
        administration.move("rolled", "live", "9" * 5000)
    with pytest.raises(DeployError, match="a part of a URL"):
        administration.move("rolled", "../live", "2")
    assert administration.stop("rolled", "3") == ["3"]
    administration.remove_alias("rolled", "live")
    assert machine.get("/rolled/live/predict/")[0] == 404
    assert machine.model("4", "rolled") == "d"
    assert administration.stop("rolled", None) == ["2", "4"]
    assert [version.deployment for version in administration.versions()].count("rolled") == 0


def test_no_request_is_lost_while_an_alias_moves(machine):
    machine.deploy("x", name="busy")
    machine.deploy("y", name="busy")
    with machine.called("/busy/live/predict/", 4) as answers:
        for number in range(12):
            machine.administration.move("busy", "live", "1" if number % 2 == 0 else "2")
        machine.deploy("z", name="busy", keep=1)
    assert {status for status, _ in answers} == {200}
    assert {text.partition("|")[0] for _, text in answers} >= {"x", "y"}
    assert len(answers) > 50


def test_a_server_that_ends_is_started_again(machine):
    machine.deploy("again", name="again")
    assert machine.get("/again/live/predict/crash")[0] in (502, 503)  # gunicorn's worker; gunicorn starts another
    _, details = Supervisor(machine.directory).state(program_name("again", 1, "predict"))
    os.kill(_pid(details), signal.SIGKILL)
    wait_until(lambda: machine.get("/again/live/predict/")[0] == 200)
    assert machine.model(name="again") == "again"


def _pid(details):
    """Return the id of a server from the details of its state."""
    return int(details.split()[1].rstrip(","))


def _port(machine, deployment, endpoint="predict"):
    return State(machine.directory).version(deployment, 1).endpoints[endpoint].port


def test_everything_serves_again_after_the_daemon_was_killed(machine, monkeypatch):
    machine.administration.stop_all()
    assert not Supervisor(machine.directory).is_alive()
    assert is_free(machine.port)
    assert machine.administration.versions() == []
    machine.deploy("before", name="revived")
    # Endpoints may have the names of the state's own files.
    named = [Endpoint(name, wsgi="app:app", files={"m": "model.txt"}) for name in ("healthy", "lock")]
    machine.deploy("x", name="dropped", endpoints=named)
    port, dropped = _port(machine, "revived"), _port(machine, "dropped", "lock")
    _, details = Supervisor(machine.directory).state(program_name("revived", 1, "predict"))
    os.kill(int((machine.directory / "supervisord.pid").read_text()), signal.SIGKILL)
    # What it had started serves until something starts another daemon.
    assert machine.model(name="revived") == "before"
    assert [version.servers[0].state for version in machine.administration.versions()][-1] == "down"
    assert machine.administration.stop("dropped", None) == ["1"]
    assert is_free(dropped)
    assert machine.administration.stop("dropped", None) == []
    os.killpg(_pid(details), signal.SIGKILL)  # also gunicorn's workers, which would notice after 15 s
    wait_until(lambda: is_free(port))
    with http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler) as foreign:
        serving = threading.Thread(target=foreign.serve_forever)
        serving.start()
        try:
            monkeypatch.setenv("SOME_SECRET", "sesame-open")
            machine.administration.move("revived", "again", "1")
            assert machine.model("again", name="revived") == "before"
            assert _port(machine, "revived") != port
            _, details = Supervisor(machine.directory).state(program_name("revived", 1, "predict"))
            variables = Path(f"/proc/{_pid(details)}/environ").read_text()
            assert "PATH=" in variables
            assert "sesame-open" not in variables
        finally:
            foreign.shutdown()
            serving.join()


def test_only_the_program_itself_makes_it_healthy(machine):
    elsewhere = command("exec python -m http.server --bind 127.0.0.1 29998")
    others = []

    def take_port():
        """Listen on the port of the version, which its server does not."""
        version = State(machine.directory).version("foreign", 1)
        if version is not None and is_free(version.endpoints["files"].port):
            address = "127.0.0.1", version.endpoints["files"].port
            others.append(http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler))
            threading.Thread(target=others[-1].serve_forever).start()

    try:
        with pytest.raises(DeployError, match=r"is not healthy after 2.5 s: another program listens on its port 2\d+"):
            machine.deploy(name="foreign", endpoints=elsewhere, pulse=take_port, timeout=2.5)
    finally:
        for other in others:
            other.shutdown()
            other.server_close()


def test_a_deployer_that_is_killed_leaves_aliases_at_healthy_versions(machine):
    machine.deploy("0")
    chance = random.Random(KILLS)  # noqa: S311 - moments, not secrets
    moved = 0
    before = machine.model()
    for number in range(KILLS):
        arguments = [sys.executable, "-m", "tests.shim.deployers.killed", str(machine.directory), str(machine.port)]
        deployer = subprocess.Popen([*arguments, f"{number + 1}"], cwd=ROOT)
        time.sleep(chance.uniform(0.1, 2.5))
        deployer.kill()
        deployer.wait()
        now = machine.model()
        assert now in (before, f"{number + 1}")
        moved += now != before
        before = now
    machine.deploy("last")
    assert machine.model() == "last"
    state = State(machine.directory)
    assert state.abandoned("digits") == []
    assert set(state.aliases("digits").values()) <= set(state.healthy("digits"))
    programs = {path.name.split(".")[1] for path in (machine.directory / "programs").glob("digits.*")}
    assert programs == {str(number) for number in state.numbers("digits")}
    print(f"{moved} of {KILLS} killed deployers had moved the alias")


def test_packages_of_the_requirements_file_are_installed_for_the_version(machine):
    wheel = machine.project / "shown-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shown.py", "TEXT = 'from the package'\n")
        archive.writestr("shown-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: shown\nVersion: 1.0\n")
        archive.writestr("shown-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("shown-1.0.dist-info/RECORD", "")
    (machine.project / "shown_app.py").write_text(
        "import shown\n\ndef application(environ, start):\n    start('200 OK', [])\n    return [shown.TEXT.encode()]\n"
    )
    requirements = machine.project / "requirements-deployment.txt"
    requirements.write_text(f"--no-index\n./{wheel.name}\n")
    try:
        machine.deploy(name="packed", endpoints=[Endpoint("predict", wsgi="shown_app")])
        assert machine.get("/packed/live/predict/") == (200, "from the package")
        requirements.write_text("--no-index\nno-such-package\n")
        with pytest.raises(DeployError, match=r"(?s)requirements-deployment.txt cannot be installed.*no-such-package"):
            machine.deploy(name="packed", endpoints=[Endpoint("predict", wsgi="shown_app")])
    finally:
        requirements.unlink()


@pytest.mark.parametrize(
    ("status", "fails", "fails_with_path"), [(204, False, False), (404, False, True), (503, True, True)]
)
def test_a_server_that_fails_is_not_healthy(status, fails, fails_with_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        for succeeds, expected in ((False, fails), (True, fails_with_path)):
            answering = threading.Thread(target=server.handle_request)
            answering.start()
            answer = health.ask(server.server_port, "/x", succeeds=succeeds)
            answering.join()
            problem = f"GET /x answers with status {status}" if expected else None
            assert answer == health.Answer(problem, status)


def test_servers_inherit_neither_secrets_nor_credentials_of_proxies():
    proxies = {"http_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://name:word@proxy:3128", "no_proxy": "local"}
    kept = inherited({"PATH": "/bin", "LC_ALL": "C", "HOME": "/h", "SECRET": "x", "AWS_PROFILE": "y", **proxies})
    assert sorted(kept) == ["HOME", "LC_ALL", "PATH", "http_proxy", "no_proxy"]


def test_addresses_of_the_sixth_version_have_brackets():
    assert [address("::1", 8700), address("127.0.0.1", "80")] == ["[::1]:8700", "127.0.0.1:80"]


def test_a_file_stays_in_the_working_directory(machine, tmp_path):
    (machine.project / "out").symlink_to(tmp_path)
    try:
        with pytest.raises(DeployError, match=r"'out/deep/model\.txt' would be outside"):
            machine.deploy(
                "x", name="out", endpoints=[Endpoint("predict", wsgi="app:app", files={"m": "out/deep/model.txt"})]
            )
    finally:
        (machine.project / "out").unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_front_that_cannot_serve_is_an_error(machine):
    with pytest.raises(DeployError, match=rf"serves at 127.0.0.1:{machine.port}, not at 127.0.0.1:{machine.port + 1}"):
        machine.deploy("x", port=machine.port + 1)
    other = machine.directory.with_name("o")
    with pytest.raises(DeployError) as raised:
        machine.deploy("x", directory=str(other))
    assert str(raised.value).endswith(
        f"the front cannot serve at 127.0.0.1:{machine.port}: another program listens there; "
        "set 'port' of the deployer to another one, or end that program"
    )
    with pytest.raises(DeployError, match=r"the front cannot serve at 192\.0\.2\.1:.*; set 'host' and 'port' of the"):
        machine.deploy("x", directory=str(other), host="192.0.2.1")
    Supervisor(other).shut_down()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"directory": "relative"}, "'directory' must be an absolute path"),
        ({"port": 0}, "'port' must be an integer from 1 to 65535"),
        ({"port": True}, "'port' must be an integer from 1 to 65535"),
        ({"keep": 0}, "'keep' must be an integer from 1 to 1000"),
        ({"timeout": -1}, "'timeout' must be a number of seconds greater than 0"),
        ({"health": "health"}, "'health' must be a path that starts with '/', such as /health"),
        ({"requirements": "yes"}, "'requirements' must be true or false"),
        ({"host": ""}, "'host' must be an address, such as 127.0.0.1"),
        ({"hots": "x"}, "the deployer 'local' has no setting 'hots'"),
    ],
)
def test_wrong_settings_are_named(settings, problem):
    assert [found.partition(";")[0] for found in check(settings)] == [problem]


def test_a_directory_with_a_strange_name_is_refused(machine):
    with pytest.raises(DeployError, match="must have at most 90 plain characters"):
        machine.deploy("x", directory="/tmp/a b")
