"""A real SLURM with one node on this machine: munge, slurmctld and slurmd in a folder, without accounting."""

import os
import socket
import subprocess
import time
from pathlib import Path

#: SLURM's configuration folder. No variable can change it, because the executor clears all of them in its jobs.
CONFIGURED = Path("/etc/slurm/slurm.conf")

#: Two pretended GPUs and pretended memory, which are enough to check requests and grants.
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=600
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class OneNode:
    """The daemons, until :meth:`stop`."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(host=host, ports=_free_ports(2), folder=folder, cpus=os.cpu_count())
        )
        gpus = "".join(f"NodeName={host} Name=gpu File={device}\n" for device in ("/dev/null", "/dev/zero"))
        (folder / "gres.conf").write_text(gpus)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        CONFIGURED.parent.mkdir(exist_ok=True)
        for path in self._links():
            path.unlink(missing_ok=True)
            path.symlink_to(folder / path.name)
        self.daemons = []
        self._start(
            "munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D")
        deadline = time.monotonic() + 60
        while "idle" not in self.told("sinfo", "--noheader", "--format=%T"):
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in self.daemons):
                logs = "\n".join(path.read_text()[-1500:] for path in folder.glob("*.log"))
                self.stop()
                raise RuntimeError(f"SLURM did not come up:\n{logs}")
            time.sleep(0.2)

    def told(self, *command: str) -> str:
        """Return the output of one of SLURM's commands."""
        return subprocess.run(command, capture_output=True, text=True).stdout

    def away(self, seconds: float) -> None:
        """Stop slurmctld, which all of SLURM's commands need, for some time; the jobs keep running."""
        controller = self.daemons.pop(1)
        controller.terminate()
        controller.wait(30)
        time.sleep(seconds)
        self._start("slurmctld", "-D")
        self.daemons.insert(1, self.daemons.pop())

    def clear(self) -> None:
        """End all jobs, and wait a minute at most until they are over."""
        self.told("scancel", "--user=root")
        deadline = time.monotonic() + 60
        while self.told("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.2)

    def stop(self) -> None:
        """End all jobs and daemons."""
        self.clear()
        for path in self._links():  # first, for what is left of a SLURM stands in the way of the next
            path.unlink()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _links(self) -> list[Path]:
        return [CONFIGURED, CONFIGURED.with_name("gres.conf")]

    def _start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("w") as printed:
            self.daemons.append(subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
