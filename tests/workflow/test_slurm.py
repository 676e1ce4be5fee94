"""`snakemake --profile slurm` on a real SLURM with one node: GPUs, a killed job, and the rules of the profile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import yaml
from one_node import CONFIGURED, OneNode

from conftest import REPOSITORY, Workflow
from debian import need
from friendlyfire.declarations import declared

PROFILE = REPOSITORY / "slurm/profile.yaml"

#: A site without accounting and with 2 cores, polled more often than a cluster should be.
SITE = (
    *("--slurm-status-command", "squeue", "--max-threads", "1", "--latency-wait", "5"),
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"),
)

MINIATURE = """experiments={digits-lenet: {
    perturbations: {images: 100}, networks: {epochs: 30}, figures: {fig4: [deepfool-high, pca, random]}}}"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if os.getuid() != 0:
        pytest.skip("a SLURM of one's own has to be started as root")
    if CONFIGURED.exists():  # remainders of a killed run are invalid
        pytest.skip(f"there is a SLURM here already, of {CONFIGURED}")
    need(["slurmctld", "slurmd", "munged", "sbatch"], ["slurm-wlm", "munge"])
    node = OneNode(tmp_path_factory.mktemp("slurm"))
    yield node
    node.stop()


def test_jobs_get_their_gpus_and_one_that_is_killed_is_tried_again(slurm, tmp_path):
    workflow = Workflow(tmp_path / "ff")
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *SITE, "fig4", "--config"]
    command.append(" ".join(MINIATURE.split()))
    environment = workflow.environment()
    with (workflow.folder / "printed").open("w") as printed:
        run = subprocess.Popen(command, cwd=workflow.folder, env=environment, stdout=printed, stderr=printed)
        jobs, killed, together = {}, None, 0
        deadline = time.monotonic() + 500
        while run.poll() is None and time.monotonic() < deadline:
            jobs |= {job["JobId"]: job for job in shown(slurm)}
            gpus = [j for j in jobs.values() if j["JobState"] == "RUNNING" and "gpu" in j.get("TresPerJob", "")]
            training = [j for j in gpus if "train_network" in j["Comment"]]
            if training and not killed:
                killed = training[0]["JobId"]
                slurm.told("scancel", killed)
            together = max(together, len(gpus))
            time.sleep(0.3)
        run.kill()
    text = (workflow.folder / "printed").read_text()
    assert run.returncode == 0, text[-3000:]
    assert (workflow.folder / "results/figures/fig4.png").exists()
    trained = [job for job in jobs.values() if "train_network" in job["Comment"]]
    assert {job["JobId"]: job["JobState"] for job in trained}[killed] == "CANCELLED"
    assert len(trained) == 2
    # Another attempt has more memory and time.
    first, second = sorted(trained, key=lambda job: int(job["JobId"]))
    assert memory(second) == pytest.approx(2 * memory(first), rel=0.1)
    assert second["TimeLimit"] > first["TimeLimit"]
    for job in jobs.values():
        rule = re.match(r"rule_(\w+?)_wildcards", job["Comment"])[1]
        asks = rule in {"train_network", "perturb_images", "measure_accuracy"}
        assert ("gpu:1" in job.get("TresPerJob", "")) == asks, job
    # The limit of one GPU job per machine does not apply here.
    assert together == 2
    # Figures, tables of spectra and downloads run on the submitting machine.
    assert not any(word in job["Comment"] for job in jobs.values() for word in ("plot_", "tabulate_", "fetch_"))
    print(*(f"{j['JobId']} {j['Comment']} {j['JobState']} {j.get('TresPerJob')}" for j in jobs.values()), sep="\n")


@pytest.mark.long
def test_through_a_lost_job_an_outage_and_a_kill_come_the_same_tables(slurm, demo, tmp_path):
    workflow = Workflow(tmp_path / "ff")
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *SITE, "--config", "device=cpu"]
    printed = workflow.folder / "printed"

    @contextmanager
    def submitting():
        with printed.open("a") as told:
            run = subprocess.Popen(
                command,
                cwd=workflow.folder,
                env=workflow.environment(),
                stdout=told,
                stderr=told,
                # Where the tests run in the background, Ctrl-C would be ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            try:
                yield run
            finally:
                run.kill()
                run.wait()

    def wait_for(rule, run):
        deadline = time.monotonic() + 600
        while not (jobs := [job for job in shown(slurm) if job["JobState"] == "RUNNING" and rule in job["Comment"]]):
            assert run.poll() is None, printed.read_text()[-3000:]
            assert time.monotonic() < deadline, printed.read_text()[-3000:]
            time.sleep(0.3)
        return jobs[0]["JobId"]

    with submitting() as run:
        lost = wait_for("train_network", run)
        log = workflow.wait_for_epochs(run)
        slurm.told("scancel", lost)
        wait_for("find_boundary", run)
        assert "resuming after epoch" in log.read_text()
        assert "Trying to restart job" in printed.read_text()
        slurm.away(30)
        # Without accounting the executor may lose sight of its jobs in an outage, and say nothing more.
        time.sleep(20)
        assert run.poll() is None, printed.read_text()[-3000:]
        run.send_signal(signal.SIGINT)
        assert run.wait(120) != 0
    assert "Run the same command again to continue." in printed.read_text()
    slurm.clear()
    with submitting() as run:
        wait_for("decompose_curvature", run)
    # SIGKILL, which is what ended the block.
    slurm.clear()
    workflow.run("--unlock")
    with submitting() as run:
        assert run.wait(900) == 0, printed.read_text()[-3000:]
    tables = [path.relative_to(demo.folder) for path in sorted((demo.folder / "results").rglob("*.csv"))]
    assert len(tables) > 40
    differing = [path for path in tables if (demo.folder / path).read_bytes() != (workflow.folder / path).read_bytes()]
    assert differing == []


def shown(slurm):
    """Return all jobs as the fields that scontrol shows."""
    for block in slurm.told("scontrol", "show", "job").strip().split("\n\n"):
        fields = dict(re.findall(r"(\w+)=(\S*)", block))
        if "JobId" in fields:
            yield fields


def memory(job):
    """Return the megabytes that a job requested."""
    number, unit = re.match(r"([\d.]+)([MG])", job["MinMemoryNode"]).groups()
    return float(number) * {"M": 1, "G": 1024}[unit]


def rules():
    """Return the names of all rules of the workflow, and of those that request a GPU."""
    text = "".join(path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")))
    blocks = re.split(r"^(?:use )?rule (\w+)[^\n]*:\n", text, flags=re.M)[1:]
    found = dict(zip(blocks[::2], blocks[1::2], strict=True))
    asking = {name for name, block in found.items() if "gpu=GPU,\n" in block}
    measures = declared("measures").items()
    asking |= {f"measure_{name}" for name, kind in measures if "network" in kind["from"]}
    return set(found).union(f"measure_{name}" for name, _ in measures), asking


def test_the_rules_that_the_profile_names_are_those_that_ask_for_a_gpu():
    """Snakemake silently ignores wrong rule names in a profile."""
    named = yaml.safe_load(PROFILE.read_text())["set-resources"]
    known, asking = rules()
    assert set(named) == asking
    assert asking < known
    assert all(resources == {"gpu": 1} for resources in named.values())


def test_a_site_changes_one_line_to_grant_gpus_by_gres(tmp_path):
    workflow = Workflow(tmp_path / "ff")
    profile = workflow.folder / "slurm/profile.yaml"
    theirs = """{gpu: 0, gres: '"gpu:1"', slurm_partition: '"all"', runtime: 720}"""
    profile.write_text(profile.read_text().replace("{gpu: 1}", theirs))
    printed = workflow.run("--profile", "slurm", "-n", "training")
    (resources,) = re.findall(r"rule train_network:.*?resources: ([^\n]*)", printed, flags=re.S)
    assert {"gpu=0", "gres=gpu:1", "slurm_partition=all", "runtime=720"} <= set(resources.split(", "))


def test_the_profile_needs_no_slurm_for_a_dry_run(tmp_path):
    workflow = Workflow(tmp_path / "ff")
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n", "--config", "suite=paper"]
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "which"):
        (tools / name).symlink_to(shutil.which(name))
    environment = workflow.environment() | {"PATH": str(tools)}
    done = subprocess.run(command, cwd=workflow.folder, env=environment, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"total +\d{3}", done.stdout + done.stderr)
