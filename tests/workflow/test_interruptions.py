"""A run that is killed, finds the disk full or is not the only one ends in the tables of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from conftest import Workflow

TARGETS = ("fig4", "spectrum")
TABLES = ("figures/fig4.csv", "figures/spectrum.csv", "digits-lenet/training.csv", "digits-lenet/quality.csv")


def jobs_of(running):
    """The processes of its scripts."""
    processes = psutil.Process(running.pid).children(recursive=True)
    return [one for one in processes if any(".snakemake/scripts" in part for part in one.cmdline())]


def same_tables(workflow, demo, tables=TABLES) -> bool:
    folders = (each.folder / "results" for each in (workflow, demo))
    one, other = ([(folder / table).read_bytes() for table in tables] for folder in folders)
    return one == other


def test_kills_at_any_moment_change_no_table(demo, faults, tmp_path):
    """SIGKILL of a job, or of the whole run, at random times; then the run is repeated until it is complete."""
    rng, workflow, killed = random.Random(0), Workflow(tmp_path / "killed"), 0
    while killed < faults.kills:
        with workflow.started(*TARGETS) as running:
            whole = rng.random() < 0.5
            try:
                assert running.wait(rng.uniform(4, 14)) == 0
            except subprocess.TimeoutExpired:
                jobs = [] if whole else jobs_of(running)
                if jobs:
                    rng.choice(jobs).kill()
                    running.communicate(timeout=120)
                elif whole:
                    os.killpg(running.pid, signal.SIGKILL)
                killed += whole or bool(jobs)
        workflow.run("--unlock")
        if running.returncode == 0:
            assert same_tables(workflow, demo)
            shutil.rmtree(workflow.folder / "results")
    workflow.run(*TARGETS)
    same = same_tables(workflow, demo)
    for number in range(killed):
        faults.count("survived" if same else "wrong", f"kill {number}")


@pytest.fixture
def small_disk(tmp_path):
    """A workflow whose results are on their own disk, and a function that remounts it with other options."""
    workflow = Workflow(tmp_path / "small")
    results = workflow.folder / "results"
    results.mkdir()

    def mount(options, *flags):
        return subprocess.run(["mount", "-t", "tmpfs", *flags, "-o", options, "tmpfs", results], capture_output=True)

    if mount("size=1500k").returncode:
        pytest.skip("a disk can be mounted by root only")
    try:
        yield workflow, lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)


def test_a_full_disk_and_one_that_cannot_be_written_are_told(demo, faults, small_disk):
    workflow, remount = small_disk
    # Incomplete files stay; the next run must not treat them as complete.
    printed = workflow.run("training", "--keep-incomplete", fails=True)
    assert "train_network: results/digits-lenet/training.checkpoint cannot be written: " in printed
    assert "No space left on device" in printed
    remount("size=100m,ro")
    printed = workflow.run("training", fails=True)
    assert "results is not writable; it is on a read-only disk or belongs to another user" in printed
    remount("size=100m,rw")
    workflow.run("training")
    same = same_tables(workflow, demo, ("figures/training.csv", "digits-lenet/network.safetensors"))
    for fault in ("a full disk", "a disk that cannot be written"):
        faults.count("survived" if same else "wrong", fault)


def test_of_two_runs_at_once_the_second_is_refused(demo, faults, tmp_path):
    workflow = Workflow(tmp_path / "twice")
    target = "results/digits-lenet/network.safetensors"
    with workflow.started(target) as running:
        deadline = time.monotonic() + 60
        while not any((workflow.folder / ".snakemake/locks").glob("*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        printed = workflow.run(target, fails=True)
        assert "Directory cannot be locked" in printed
        assert running.wait(120) == 0
    undisturbed = demo.folder / target
    faults.count("told" if (workflow.folder / target).read_bytes() == undisturbed.read_bytes() else "wrong", "two runs")


@pytest.mark.parametrize(
    ("sent", "everyone"), [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)], ids=str
)
def test_an_interrupted_run_says_how_to_go_on(demo, faults, tmp_path, sent, everyone):
    """Ctrl-C, which reaches Snakemake and its jobs, or a signal to Snakemake alone."""
    workflow = Workflow(tmp_path / "interrupted")
    target = "results/digits-lenet/network.safetensors"
    with workflow.started(target) as running:
        log = workflow.wait_for_epochs(running)
        (os.killpg if everyone else os.kill)(running.pid, sent)
        printed, _ = running.communicate(timeout=120)
    assert "Run the same command again" in printed, printed[-3000:]
    assert (workflow.folder / "results/datasets/digits.zarr.zip").exists()
    # Ctrl-C ends the training; a signal to Snakemake alone lets it end first, and SIGINT takes its results away.
    kept = (workflow.folder / target).exists()
    workflow.run(target)
    assert kept or "resuming after epoch" in log.read_text()
    assert kept or not (workflow.folder / "results/digits-lenet/training.checkpoint").exists()
    faults.count("survived" if same_tables(workflow, demo, (target[8:],)) else "wrong", f"{sent}")
