import pytest

from tests.shim.deployers.deploying import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    machine = Machine(folder / "s", folder / "project")
    yield machine
    machine.shut_down()
