"""A job that a warm process runs prints, ends and dies as one of its own does; without one, it runs as it is."""

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import REPOSITORY
from engine import warm

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="os.pidfd_open is of Linux")

#: As Snakemake's preamble and the first line of a script do it.
SCRIPT = """
import sys
sys.path.append({path!r})
from engine import warm
warm.hand_over()
import os, signal, time
print("torch" in sys.modules, os.getcwd(), os.environ.get("MINE"), warm.FOLDER in os.environ, flush=True)
print("loud", file=sys.stderr, flush=True)
{body}
"""


@pytest.fixture(scope="module")
def folder():
    """Where a warm process listens, whose libraries are imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(warm.FOLDER, "")  # so that it is as before afterwards
        patch.delenv(warm.FOLDER)
        patch.setattr(warm, "_started", [])
        warm.start()
        (server,) = warm._started
        folder = os.environ[warm.FOLDER]
    deadline = time.monotonic() + 60
    while not os.listdir(folder):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield folder
    server.stdin.close()
    assert server.wait(20) == 0
    assert not os.path.exists(folder)


@pytest.fixture
def script(tmp_path):
    """A function that starts a script, in a folder of its own, beside a warm process or without."""

    def start(body, folder=None):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(path=str(REPOSITORY / "workflow"), body=body))
        environment = {**os.environ, "MINE": "yes", **({warm.FOLDER: folder} if folder else {})}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([sys.executable, path], cwd=tmp_path, env=environment, text=True, **pipes)

    return start


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('a message')", 1),
        ("raise RuntimeError('no')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_a_job_ends_as_without(script, folder, tmp_path, body, code):
    for place in (folder, None):
        job = script(body, place)
        printed, loud = job.communicate(timeout=60)
        assert printed == f"{place is not None} {tmp_path} yes False\n"
        assert loud.startswith("loud\n")
        assert ("a message" in loud) == ("a message" in body)
        assert ("RuntimeError: no" in loud) == ("no" in body)
        assert job.returncode == code


@pytest.mark.parametrize(("number", "caught"), [(signal.SIGTERM, "-15"), (signal.SIGINT, "KeyboardInterrupt")])
def test_signals_are_passed_on(script, folder, number, caught):
    job = script("time.sleep(60)", folder)
    job.stdout.readline()
    job.send_signal(number)
    _, loud = job.communicate(timeout=20)
    assert caught in (str(job.returncode), *loud.split())


def test_a_job_dies_with_the_process_that_handed_it_over(script, folder):
    job = script("print(os.getpid(), flush=True); time.sleep(60)", folder)
    job.stdout.readline()
    pid = int(job.stdout.readline())
    assert pid != job.pid
    job.kill()
    job.communicate()
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("it lives on")
