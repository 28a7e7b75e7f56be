"""List and change the versions on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from translator.shim import deployers
from translator.shim.deployers import DeployError, bad_alias, refusals
from translator.shim.deployers.local.serving import ADDRESS, check_owner, serve
from translator.shim.deployers.local.settings import address
from translator.shim.deployers.local.state import State, locked, number_of
from translator.shim.deployers.local.supervisor import Supervisor, installed
from translator.shim.deployers.local.versions import Versions
from translator.shim.files.digest import no_pulse
from translator.shim.process import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from translator.shim.deployers.local.servers import Servers
    from translator.shim.deployers.local.settings import Settings
    from translator.shim.deployers.local.state import Version


class DirectoryAdministration:
    """The versions in a directory of deployments; see ``translator.shim.deployers.Administration``.

    Args:
        settings: the directory.
        servers: ``servers(daemon)``: returns the servers of its versions.
    """

    def __init__(self, settings: Settings, servers: Callable[[Supervisor], Servers]) -> None:
        check_owner(settings)
        self.state = State(settings.directory)
        self.settings = settings
        self._servers = servers
        file = settings.directory / ADDRESS
        served = file.read_text(encoding="utf-8").split() if file.is_file() else []
        self.host, self.port = (served[0], int(served[1])) if len(served) > 1 else (settings.host, settings.port)

    def versions(self) -> Sequence[deployers.Version]:
        """Return all versions, the oldest first."""
        return [self._description(version) for name in self.state.names() for version in self._of(name)]

    def _of(self, deployment: str) -> Iterator[Version]:
        for number in self.state.numbers(deployment):
            version = self.state.version(deployment, number)
            if version is not None:
                yield version

    def _description(self, version: Version) -> deployers.Version:
        aliases = [alias for alias, to in self.state.aliases(version.deployment).items() if to == version.number]
        base = f"http://{address(self.host, self.port)}/{version.deployment}/{(aliases or [str(version.number)])[0]}"
        servers = []
        for endpoint in version.endpoints:
            state, details = self._running().state(version, endpoint)
            servers.append(deployers.Server(endpoint, state, f"{base}/{endpoint}/", details))
        return deployers.Version(
            version.deployment, str(version.number), version.created, version.run, aliases, servers
        )

    def _running(self) -> Servers:
        """Return the servers without starting anything."""
        installed(self.settings.deployer)
        return self._servers(Supervisor(self.settings.directory))

    def logs(self, deployment: str, version: str, endpoint: str | None) -> Iterator[str]:
        """Yield the lines that the servers of a version printed, after the name of the server if there are several."""
        known = self._known(deployment, version)
        if endpoint is not None and endpoint not in known.endpoints:
            raise refusals.no_endpoint(deployment, known.number, endpoint, known.endpoints)
        chosen = [endpoint] if endpoint is not None else list(known.endpoints)
        for name in chosen:
            before = f"{name}: " if len(chosen) > 1 else ""
            yield from (f"{before}{line}" for line in self._running().lines(known, name))

    def move(self, deployment: str, alias: str, version: str) -> None:
        """Let an alias point to a version, once its servers are healthy."""
        if (problem := bad_alias(alias)) is not None:
            raise DeployError(problem)
        known = self._known(deployment, version)
        versions = self._serving()
        try:
            with locked(self.state.folder(deployment, known.number), no_pulse):
                versions.servers.ensure(known)
                versions.wait(known, lambda _: None, no_pulse)
                versions.commit(known, [alias], no_pulse, back=True)
        except FileNotFoundError as error:
            raise DeployError(f"version {known.number} of {deployment} was stopped") from error

    def remove_alias(self, deployment: str, alias: str) -> None:
        """Remove an alias."""
        self._check_deployment(deployment)
        with locked(self.state.folder(deployment), no_pulse):
            known = self.state.aliases(deployment)
            if alias not in known:
                raise refusals.no_alias(deployment, alias, known)
            self.state.set_aliases(deployment, {name: to for name, to in known.items() if name != alias})

    def stop(self, deployment: str, version: str | None) -> Sequence[str]:
        """Stop and remove a version without aliases, or all versions."""
        self._check_deployment(deployment)
        chosen = [self._known(deployment, version)] if version is not None else list(self._of(deployment))
        versions = Versions(self.settings, self.state, self._running())
        with locked(self.state.folder(deployment), no_pulse):
            aliases = self.state.aliases(deployment)
            if version is not None and (pointing := [alias for alias, to in aliases.items() if to == chosen[0].number]):
                raise refusals.serving(deployment, chosen[0].number, pointing)
            for one in chosen:
                versions.remove(deployment, one.number)
            if version is None:
                for number in self.state.abandoned(deployment):
                    versions.remove(deployment, number)
                self.state.set_aliases(deployment, {})
        return [str(one.number) for one in chosen]

    def stop_all(self) -> Sequence[str]:
        """End the daemon and the front with all servers, and remove all versions."""
        if not self.settings.directory.is_dir():
            return []
        self._running().remove_all()
        Supervisor(self.settings.directory).end(no_pulse)
        (self.settings.directory / ADDRESS).unlink(missing_ok=True)
        names = self.state.names()
        for name in names:
            with locked(self.state.folder(name), no_pulse):
                for number in self.state.numbers(name):
                    self.state.remove(name, number)
                self.state.set_aliases(name, {})
        return names

    def _serving(self) -> Versions:
        """Return the versions, with everything started that serves them."""
        from dataclasses import replace

        installed(self.settings.deployer)
        settings = replace(self.settings, host=self.host, port=self.port)
        daemon = serve(settings, environment.of_step(os.environ, ()), no_pulse)
        return Versions(settings, self.state, self._servers(daemon))

    def _check_deployment(self, deployment: str) -> None:
        names = self.state.names()
        if deployment not in names:
            raise refusals.no_deployment(deployment, names)

    def _known(self, deployment: str, name: str) -> Version:
        """Return a version by its number, or by an alias."""
        self._check_deployment(deployment)
        number = number_of(name)
        if number is None:
            number = self.state.aliases(deployment).get(name, 0)
        version = self.state.version(deployment, number)
        if version is None:
            raise refusals.no_version(deployment, name, self.state.numbers(deployment))
        return version
