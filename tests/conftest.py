"""Common fixtures: a trained LeNet on digits, and the demo suite built once in its own folder."""

import fcntl
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest.mock
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

from debian import need
from engine import warm

torch.set_num_threads(1)  # two threads that wait for each other take minutes on shared cores

REPOSITORY = Path(__file__).resolve().parents[1]

TRAINING = {
    "architecture": "lenet",
    "width": 0.5,
    "activation": "relu",
    "pooling": "max",
    "normalisation": "dataset",
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "flip": False,
    "crop_padding": 0,
    "mixed_precision": True,
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's digits: uint8 images and labels, as train and test tensors."""
    from friendlyfire.datasets.images import digits_splits

    splits = digits_splits(seed=0)
    return {name: (torch.from_numpy(s.images), torch.from_numpy(s.labels)) for name, s in splits.items()}


@pytest.fixture(scope="session")
def trained(digits):
    """A function that trains a small LeNet on digits with the given options, once per set of options."""
    from friendlyfire.networks.network import build_network
    from friendlyfire.networks.training import train

    made = {}

    def network(**options):
        key = tuple(sorted(options.items()))
        if key not in made:
            torch.manual_seed(0)
            settings = {**TRAINING, **options}
            pixels = digits["train"][0].numpy() / 255
            mean = pixels.mean(0)
            made[key] = build_network(settings, mean, float(np.std(pixels - mean)), 10)
            for epoch, _ in train(made[key], digits["train"], digits["test"], settings, seed=0):
                pass
            assert epoch.test_accuracy > 0.9
            made[key].requires_grad_(False)
        return made[key]

    return network


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium, one for all tests: Playwright starts once a process."""
    need(["chromium"], ["chromium"])
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def kept(*paths: Path) -> Iterator[None]:
    """Restore these files, including their times, after the block."""
    before = [(path, path.read_bytes(), path.stat()) for path in paths]
    try:
        yield
    finally:
        for path, content, times in before:
            path.write_bytes(content)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


#: Variables of the environment of every run.
ENVIRONMENT = {"PYTHONWARNINGS": "", "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}


@functools.cache
def warmed() -> dict[str, str]:
    """Start a process that has imported the libraries and Snakemake, for all runs; return how they find it."""
    with unittest.mock.patch.dict(os.environ, ENVIRONMENT):
        warm.start("snakemake.cli")
        return {name: os.environ[name] for name in (warm.FOLDER,) if name in os.environ}


class Workflow:
    """Runs snakemake on a copy of the workflow's code in its own folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("Snakefile", "config.yaml", "README.md", "CITATION.cff", "LICENSE"):
            shutil.copy(REPOSITORY / name, folder)
        for name in ("config", "workflow", "envs", "profiles", "slurm"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **ENVIRONMENT, **warmed()}

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run snakemake and return its output; it must succeed, or fail if ``fails``."""
        command = [sys.executable, "-P", str(REPOSITORY / "tests/forked.py"), *self.command(*arguments)[3:]]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=self.folder, env=self.environment(), timeout=900, **pipes)
        assert (done.returncode != 0) == fails, done.stdout[-5000:]
        return done.stdout

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen]:
        """Start a run in its own process group, so that its jobs can be killed with it; end it after the block."""
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Ctrl-C would be ignored if the tests run in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as running:
            try:
                yield running
            finally:
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)

    def wait_for_epochs(self, running: subprocess.Popen, count: int = 3) -> Path:
        """Wait until the training of a run has finished some epochs; return its log."""
        log = self.folder / "results/logs/train_network/digits-lenet.log"
        deadline = time.monotonic() + 120
        while not (log.exists() and log.read_text().count("Epoch(") >= count):
            assert running.poll() is None, "the training ended too early"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return log

    def planned(self, *arguments: str) -> set[str]:
        """Return the names of the rules that would run now, without targets and provenance."""
        stats = self.run("--dry-run", *arguments).partition("Job stats:\n")[2].partition("\n\n")[0]
        rules = {line.split()[0] for line in stats.splitlines()[2:]}
        return {rule for rule in rules if "_" in rule} - {"sum_up_provenance"}  # names of targets have one word


class Faults:
    """Counts the outcomes of a test's faults: reported in a line, survived with the same result, or silently wrong."""

    def __init__(self, test: pytest.Item):
        self.flips, self.kills = (40, 40) if test.config.getoption("--long") else (3, 3)
        self.outcomes = test.user_properties

    def count(self, outcome: str, what: str) -> None:
        self.outcomes.append(("fault", outcome))
        assert outcome != "wrong", what


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="ten times as many faults, and new random examples")


def pytest_configure(config):
    long = config.getoption("--long")
    # The same examples in every run; with --long more of them, and other ones in every run.
    hypothesis.settings.register_profile(
        "tests", deadline=None, derandomize=not long, max_examples=2000 if long else 100
    )
    hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_terminal_summary(terminalreporter):
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    counts = Counter(
        outcome
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, outcome in report.user_properties
        if name == "fault"
    )
    if counts:
        terminalreporter.write_line(
            f"faults: {counts.total()} injected, {counts['told']} told in a line, {counts['survived']} survived with "
            f"the same result, {counts['wrong']} silently wrong"
        )


@pytest.fixture
def faults(request):
    """The counter of injected faults, and the number of faults to inject."""
    return Faults(request.node)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo suite, run to its figures, in a non-ASCII path with a space; tests must undo their changes.

    It is run once for any number of test processes; each process has a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "built.txt").exists():
            workflow = Workflow(shared / "built")
            workflow.run()
            (shared / "built.txt").touch()
    return copy_of(shared / "built", tmp_path_factory.mktemp("démo süite") / "friendly fire")


def copy_of(folder: Path, elsewhere: Path) -> Workflow:
    """A copy of a workflow with its results in another folder: nothing in it has to be rerun."""
    workflow = Workflow(elsewhere)
    for name in ("results", ".snakemake"):
        shutil.copytree(folder / name, workflow.folder / name)
    return workflow


@pytest.fixture
def copied(demo, tmp_path):
    """A copy of the demo with its results, which tests may damage."""
    return copy_of(demo.folder, tmp_path / "copied")
