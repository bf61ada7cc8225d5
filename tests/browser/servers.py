"""The Jupyter servers that the browser tests talk to: JupyterLab, Notebook 7 and Voilà, each as its users start it."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

App = Literal["lab", "notebook", "voila"]

NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


@dataclass(frozen=True)
class Server:
    """A running server on the loopback interface.

    Attributes
    ----------
    app : {"lab", "notebook", "voila"}
        Which one.
    url : str
        Its address, without a slash at the end.
    token : str
        What it asks for: a new one each time, as at home.
    notebooks : Path
        The folder that it shows.
    connections : Path
        Where, at any depth, the connection files of its kernels lie.
    """

    app: App
    url: str
    token: str = field(repr=False)
    notebooks: Path
    connections: Path

    def request(self, method: str, path: str) -> None:
        """Send a request with the token; raise OSError where the answer is not a success."""
        headers = {"Authorization": f"token {self.token}"}
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, method=method, headers=headers), timeout=10
        ):
            pass

    def kernels(self) -> dict[str, Path]:
        """Connection files of the running kernels, by kernel id."""
        return {file.stem.removeprefix("kernel-"): file for file in self.connections.rglob("kernel-*.json")}


def free_port() -> int:
    """Find a port that nobody listens on; the system does not give it out again at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(app: App, port: int, token: str, notebooks: Path, connections: Path) -> list[str]:
    """Compose the command line that starts the server."""
    if app == "voila":
        own = ["voila", str(notebooks), "--Voila.ip=127.0.0.1", f"--token={token}", "--show_tracebacks=True"]
        own += [f"--Voila.connection_dir_root={connections}", f"--Voila.port_retries={0}"]
    else:
        module, name = {"lab": ("jupyterlab", "LabApp"), "notebook": ("notebook", "JupyterNotebookApp")}[app]
        own = [module, "--ip=127.0.0.1", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={notebooks}"]
        # the tests run cells through the application's own commands
        own += [f"--{name}.expose_app_in_browser=True", "--ServerApp.port_retries=0", "--allow-root"]
    return [sys.executable, "-m", *own, "--no-browser", f"--port={port}"]


def environment(folder: Path) -> dict[str, str]:
    """Give the server a home of its own: no settings, workspaces or extensions of the person who runs the tests."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    own = {f"JUPYTER_{name}": folder / name.lower() for name in names}
    own |= {f"JUPYTERLAB_{name}_DIR": folder / name.lower() for name in ("SETTINGS", "WORKSPACES")}
    own |= {"IPYTHONDIR": folder / "ipython"}
    for path in own.values():
        path.mkdir(parents=True)
    labconfig = own["JUPYTER_CONFIG_DIR"] / "labconfig"
    labconfig.mkdir()
    (labconfig / "page_config.json").write_text(json.dumps(NO_NEWS))
    return {**os.environ, **{name: str(path) for name, path in own.items()}, "TF_CPP_MIN_LOG_LEVEL": "3"}


def wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Wait for the first answer; where the server ends before it, raise with what it said."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            server.request("GET", "/" if server.app == "voila" else "/api/status")
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = f"{server.app} did not start:\n{log.read_text()[-4000:]}"
    raise RuntimeError(message)


@contextlib.contextmanager
def serve(app: App, folder: Path) -> Iterator[Server]:
    """Run a server for as long as the block lasts; its log is `server.log` in the folder."""
    notebooks, connections, log = folder / "notebooks", folder / "runtime_dir", folder / "server.log"
    notebooks.mkdir()
    port, token = free_port(), secrets.token_hex(16)
    server = Server(app, f"http://127.0.0.1:{port}", token, notebooks, connections)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(app, port, token, notebooks, connections),
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that its kernels can be ended with it
        )
    try:
        wait_until_up(server, process, log)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
