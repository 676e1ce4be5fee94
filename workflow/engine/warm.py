"""A process that has imported the libraries and forks jobs from itself: to import PyTorch takes 2 s, to fork 20 ms.

Snakemake starts a Python process per job. Where a warm process listens, that process hands its script over, passes
signals on, and ends as the fork ends. Otherwise the job runs as it is: on a cluster's node, in an environment of
conda's, on a system other than Linux, while the libraries are still being imported, or with FRIENDLYFIRE_WARM=off in
the environment. Nothing of this project is imported before the fork, so a job runs the code that is there when it
starts.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

#: Environment variable with the folder of the socket.
FOLDER = "FRIENDLYFIRE_WARM"

#: What most jobs import.
LIBRARIES = ("torch", "pandas", "zarr", "safetensors.torch", "scipy.linalg", "scipy.special", "matplotlib.pyplot")
LIBRARIES += ("snakemake.iocontainers", "snakemake.logging")  # by Snakemake's preamble

#: A number in a message: its length, a process, a status.
NUMBER = struct.Struct("q")

#: Keeps the pipe open that the warm process reads the end of this one from.
_started: list[subprocess.Popen] = []


def start(*more: str) -> None:
    """Start a warm process that ends with this one, and let the jobs of this run know where it listens.

    Args:
        more: libraries to import beside those that most jobs do.
    """
    if hasattr(os, "pidfd_open") and FOLDER not in os.environ:
        folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="friendlyfire-")
        command = [sys.executable, "-P", __file__, folder, *LIBRARIES, *more]
        _started.append(subprocess.Popen(command, stdin=subprocess.PIPE))


def hand_over() -> None:
    """Let the warm process run this script, and end as it ends; return if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(f"{os.environ.pop(FOLDER)}/{os.path.basename(sys.executable)}")
    except (KeyError, OSError):
        return
    job = {"arguments": sys.argv, "path": sys.path, "folder": os.getcwd(), "environment": dict(os.environ)}
    message = json.dumps(job).encode()
    socket.send_fds(server, [NUMBER.pack(len(message))], [0, 1, 2])
    server.sendall(message)
    pid = _number(server)
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, lambda number, _: os.kill(pid, number))
    code = os.waitstatus_to_exitcode(_number(server))
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def serve(folder: str, *libraries: str) -> None:
    """Import libraries, then fork a job for each connection, until standard input ends."""
    for name in libraries:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers of the jobs
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the jobs
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/{os.path.basename(sys.executable)}")
        listening.listen()
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                keep(connection)
    shutil.rmtree(folder)


def keep(connection: socket.socket) -> None:
    """Fork the job that a connection asks for, and answer with its process and its end; end it if nobody listens."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(connection, NUMBER.size, 3)
    message = b""
    while len(message) < NUMBER.unpack(length)[0]:
        message += connection.recv(2**20)
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(json.loads(message), files)
    connection.sendall(NUMBER.pack(pid))
    process = os.pidfd_open(pid)
    if process not in select.select([connection, process], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(NUMBER.pack(status))
    os._exit(0)


def become(job: dict, files: list[int]) -> None:
    """Run a script as Python would, with the files, folder, paths and environment of who asked, and end."""
    for file, standard in zip(files, (0, 1, 2), strict=True):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:], sys.path[:] = job["arguments"], job["path"]
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _number(connection: socket.socket) -> int:
    """The next number of the warm process.

    Raises:
        EOFError: it has ended.
    """
    found = connection.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(found) < NUMBER.size:
        raise EOFError("the process that runs this job was killed")
    return NUMBER.unpack(found)[0]


if __name__ == "__main__":
    serve(*sys.argv[1:])
