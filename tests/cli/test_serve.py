"""`segcam demo` and `segcam explore` as servers: loopback only, behind a token, ended with whoever started them."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.ui.explorer.uploads import upload, upload_panel

LINUX = sys.platform == "linux"
pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals and process ids of POSIX"),
]
SEGCAM = [sys.executable, "-m", "segcam_widgets.cli"]


class Running:
    """A command that serves, and its address."""

    def __init__(self, process):
        self.process = process
        self.said = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:(\d+)/)\?token=([\w-]{30,})", self.said)
        assert found, (self.said, process.communicate(timeout=10) if process.poll() is not None else "")
        self.base, self.port, self.token = found[1], int(found[2]), found[3]

    def get(self, path="", token=None, seconds=120):
        """(status, text) of an answer; where it leads elsewhere, of that."""
        address = self.base + path + (f"?token={token}" if token else "")
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(address, timeout=seconds) as answer:
                    return answer.status, answer.geturl(), answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.geturl(), error.read().decode()
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end, "nobody answers"
                time.sleep(0.1)


@pytest.fixture
def start():
    """Give a function that starts a command of segcam and reads its address."""
    begun = []

    def start_(*arguments, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        begun.append(subprocess.Popen([*SEGCAM, *map(str, arguments)], **options))
        return Running(begun[-1])

    yield start_
    for process in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def family(pid):
    """The ids of a process and of all that it started."""
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, stack = [], [pid]
    while stack:
        found.append(stack.pop())
        stack += children.get(found[-1], [])
    return found


def listening(pids):
    """The addresses that processes listen on, as /proc/net/tcp writes them: little-endian hexadecimal."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
            except OSError:
                continue
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.1)


def test_the_demo_is_served_to_whoever_has_the_token_and_ends_on_ctrl_c(start):
    demo = start("demo", "--no-browser")
    for path in ("", "voila/render/segcam.ipynb", "api/kernels"):
        for token in (None, "wrong", demo.token[:-1]):
            status, address, text = demo.get(path, token)
            assert status in (401, 403, 404, 405) or "/login" in address, (path, status, address)
            assert "segcam-explorer" not in text
            assert demo.token not in text
    status, _, text = demo.get(token=demo.token)
    assert status == 200
    assert "application/vnd.jupyter.widget-view+json" in text
    assert "Traceback" not in text
    pids = family(demo.process.pid)
    if LINUX:
        assert len(pids) > 1  # a kernel runs
        assert listening(pids) == {"0100007F"}
        words = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
        assert not any(demo.token in word for word in words)  # every user of the machine can read these
    demo.process.send_signal(signal.SIGINT)
    out, err = demo.process.communicate(timeout=60)
    assert demo.process.returncode in (0, 130)
    assert "Traceback" not in out + err
    assert err == ""
    if LINUX:
        wait_until(lambda: not any(map(alive, pids)))


def test_two_demos_side_by_side_and_a_port_of_ones_own(start):
    first = start("demo", "--no-browser")
    second = start("demo", "--no-browser")
    assert first.port != second.port
    assert first.token != second.token
    assert first.get()[0] in (200, 401, 403)
    taken = subprocess.run(
        [*SEGCAM, "demo", "--no-browser", "--port", str(first.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert taken.returncode == 2
    assert taken.stdout == ""
    assert re.fullmatch(r"segcam: `--port` must be free .*\n", taken.stderr)
    second.process.terminate()
    second.process.wait(30)
    assert start("demo", "--no-browser", "--port", second.port).port == second.port


@pytest.mark.parametrize("port", ["0", "-5", "70000"])
def test_ports_that_are_none(port, capfd):
    from segcam_widgets.cli import main

    assert main(["demo", "--no-browser", "--port", port]) == 2
    assert re.fullmatch(r"segcam: `--port` must be a number from 1 to 65535\. Received: .*\n", capfd.readouterr().err)


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_it_ends_when_whoever_started_it_is_gone():
    """Even killed, so that nothing can be tidied up."""
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([*{SEGCAM!r}, 'demo', '--no-browser'], stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline().split()[0])
    assert alive(pid)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not alive(pid))


def test_explore_opens_a_model_and_a_picture(start, files):
    names = "<script>alert('a')</script>,it's \"b\",c\nd"
    shown = start("explore", files / "model.keras", files / "picture.png", "--no-browser", "--classes", names)
    status, _, text = shown.get(token=shown.token)
    assert status == 200
    assert "Traceback" not in text
    assert "<script>alert('a')</script>" not in text


@pytest.fixture
def explored(files, served):
    """Give a function that opens what `segcam explore` would serve."""
    return lambda image, *arguments: served("explore", str(files / "model.keras"), str(files / image), *arguments)


def test_explore_in_tiles_has_previous_and_next(explored):
    explorer = explored("large.png", "--fit", "tile", "--classes", "a,b,c")
    for number in range(1, 10):
        if number > 1:
            explorer.images.next.click()
        assert explorer.flush(120)
        assert explorer.error.value == ""
        assert explorer.images.place.value == f"image {number} of 9"
        assert f"tile {number} of 9, rows" in explorer.legend.value


def test_explore_takes_other_pictures_too(explored, files):
    explorer = explored("picture.png", "--classes", "a,b,c", "--range", "0-255")
    panel = upload_panel(explorer)
    assert panel.value_range.value == "0-255"
    upload(panel, "large.png", (files / "large.png").read_bytes())
    assert explorer.flush(120)
    assert explorer.error.value == ""
    assert explorer.images.place.value == "image 2 of 2"
    assert explorer.probe.class_names == ("a", "b", "c")
    assert 50 < explorer.probe.x.max() <= 255


def test_explore_says_what_cannot_be_opened_before_it_serves(files, capfd, monkeypatch):
    from segcam_widgets.cli import main

    monkeypatch.setattr(sys, "path", list(sys.path))
    for model, image in (("classifier.keras", "picture.png"), ("model.keras", "nan.npy"), ("model.keras", "large.png")):
        assert main(["explore", str(files / model), str(files / image), "--no-browser"]) == 2
        said = capfd.readouterr()
        assert said.out == ""
        assert said.err.startswith("segcam: ")
        assert said.err.count("\n") == 1
