"""Test which processes belong to an execution."""

import os
import subprocess
import sys

from translator.shim.deployers.local import ports
from translator.shim.process import group

LISTEN = """\
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_a_mark_that_another_begins_with_is_another():
    variables = {**os.environ, group.MARK: "dir/dg.1.app2"}
    command = [sys.executable, "-c", LISTEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables, start_new_session=True) as server:
        try:
            port = int(server.stdout.readline())
            nobody = 2**22 + 1  # no process has this id
            assert group.members(nobody, "dir/dg.1.app2") == [server.pid]
            assert group.members(nobody, "dir/dg.1.app") == []
            assert not ports.is_foreign(port, nobody, "dir/dg.1.app2")
            assert ports.is_foreign(port, nobody, "dir/dg.1.app")
        finally:
            server.kill()
