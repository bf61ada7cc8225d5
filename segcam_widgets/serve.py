"""Serve an explorer as a web page of its own: Voilà on loopback, protected by a token, stopped with its parent process."""

import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from segcam_widgets.errors import SegCamError

HOST = "127.0.0.1"
LONGEST_FOLDER = 40
"""A socket's path, "FOLDER/voila_12345678/kernel-(36 characters)-ipc-5", must stay below 108 characters."""


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def checked_port(port: int) -> int:
    """The port, if a server can listen on it. Raises SegCamError where not."""
    if not 0 < port < 65536:
        raise SegCamError(f"`--port` must be a number from 1 to 65535. Received: {port}.")
    with socket.socket() as probe:
        if os.name == "posix":  # as the server itself: a port that was just given up is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SegCamError(
                f"`--port` must be free ({error.strerror}). Received: {port}. Leave it out for a free one."
            ) from error
    return port


def notebook(code: str, title: str) -> Any:
    """A notebook with one cell of code."""
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(code)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "title": title})


def serve(code: str, *, title: str, port: int | None = None, browser: bool = True, theme: str = "light") -> None:
    """Run a cell as a web page until interrupted, or until the process that started this one is gone.

    Parameters
    ----------
    code : str
        The cell; what it shows last is the page.
    title : str
        Name of the page.
    port : int, optional
        Default: a free one.
    browser : bool
        Open the page in the browser. The address, with its token, is printed either way.
    theme : {"light", "dark"}

    Raises
    ------
    SegCamError
        The port is none, or taken.
    """
    import nbformat
    from voila.app import Voila

    token = secrets.token_urlsafe(24)
    number = free_port() if port is None else checked_port(port)
    with tempfile.TemporaryDirectory(prefix="segcam-") as folder:
        page = Path(folder) / "segcam.ipynb"
        nbformat.write(notebook(code, title), page)
        Voila.clear_instance()
        app = Voila.instance()
        # set on the object: on a command line the token would be readable by every user of the machine
        app.token = token
        app.ip = HOST
        app.port = number
        app.port_retries = 0
        app.open_browser = False
        app.tornado_settings = {"ws_ping_timeout": 30_000}  # the default is longer than tornado allows, and it says so
        arguments = [str(page), f"--theme={theme}", "--no-browser", "--show_tracebacks=True", "--Voila.log_level=ERROR"]
        arguments.append(f"--Voila.connection_dir_root={folder}")  # goes with the folder
        if sys.platform == "linux" and len(folder) <= LONGEST_FOLDER:
            # kernels on sockets in a folder of the user's own: no port that others could knock at
            arguments.append("--ConnectionFileMixin.transport=ipc")
        app.initialize(arguments)
        address = f"http://{HOST}:{number}/?token={token}"
        print(f"{title}: {address}\nPress Ctrl+C to stop.", flush=True)  # noqa: T201 - what the command is for
        _end_with_parent()
        if browser:
            _open_when_up(address, number)
        app.start()


def _end_with_parent() -> None:
    """Interrupt this process once the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="segcam-parent", daemon=True).start()


def _open_when_up(address: str, port: int) -> None:
    """Open the browser once the server answers."""

    def wait() -> None:
        import webbrowser

        for _ in range(100):
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex((HOST, port)) == 0:
                    webbrowser.open(address)
                    return
            time.sleep(0.1)

    threading.Thread(target=wait, name="segcam-browser", daemon=True).start()
