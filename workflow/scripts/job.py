"""A job of the workflow -> its script's main, with a log, threads, checked inputs, and errors told in one line."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TextIO, TypeVar

from threadpoolctl import threadpool_limits

from friendlyfire.errors import DeviceError, FriendlyFireError
from records import made, provenance, write_provenance

Item = TypeVar("Item")


class Terminal(NamedTuple):
    """Where a person watches a local run, and what the job is called there."""

    stream: TextIO
    job: str


_terminal: Terminal | None = None

#: Standard error of Snakemake, whoever reads it; None outside a job.
_console: TextIO | None = None


def run(main: Callable[[Any, Any, dict], None], snakemake: Any) -> None:
    """Call ``main(inputs, outputs, settings)`` for a Snakemake job; its output goes to the log of the rule.

    A :class:`FriendlyFireError` or a full disk is one line, in the log and on the console; anything else a traceback.
    """
    global _terminal, _console
    _console = console = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    if console.isatty():
        _terminal = Terminal(console, f"{snakemake.rule} {os.path.basename(snakemake.log[0]).removesuffix('.log')}")
    if os.path.exists(snakemake.log[0]):
        os.replace(snakemake.log[0], f"{snakemake.log[0]}.previous")  # why an attempt failed is not lost with the next
    log = open(snakemake.log[0], "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (until the process ends)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log.fileno(), stream.fileno())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    # Published weights are read as tensors too, by whatever library loads them.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    settings = {"device": snakemake.config["device"], "data_dir": snakemake.config["data_dir"]}
    settings.update(snakemake.wildcards.items())
    for section in snakemake.params:
        settings.update(section)
    # As many whatever the machine has: sums over images depend on how many threads share them.
    threadpool_limits(snakemake.config["threads"])
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.config["threads"])
    try:
        settings["provenance"] = provenance(snakemake)
        fitting_memory(main)(snakemake.input, snakemake.output, settings)
        for path in snakemake.output:
            if path.endswith((".csv", ".safetensors")):  # a store tells by itself
                write_provenance(path, made(settings)["provenance"])
        tell_memory()
    except (FriendlyFireError, OSError) as error:
        message = f"{snakemake.rule}: {error}"
        logging.error(message)
        print(message, file=console, flush=True)
        sys.exit(1)


def announce(text: str) -> None:
    """A line that a person shall see: in the log, and on the console."""
    logging.info(text)
    if _console:
        print(text, file=_console, flush=True)


def share(count: int, block: int, shard: int, shards: int) -> tuple[int, int]:
    """Start and stop of one job's share of ``count`` items, between whole blocks: any cut gives the same batches."""
    blocks = -(-count // block)
    start, stop = (min(count, block * (blocks * k // shards)) for k in (shard, shard + 1))
    return start, stop


def fitting_memory(main: Callable[..., None]) -> Callable[..., None]:
    """``main``, begun again with half the images at once whenever a GPU runs out of memory."""

    def fitted(*arguments: Any) -> None:
        while True:
            try:
                return main(*arguments)
            except RuntimeError as error:
                if type(error).__name__ != "OutOfMemoryError":  # torch's; not every job has torch
                    raise
                if not sys.modules["friendlyfire.devices"].halve_batches():
                    raise DeviceError(f"out of GPU memory with single images: {str(error).splitlines()[0]}") from error
                logging.warning("out of GPU memory: beginning again with half as many images at once")

    return fitted


def tell_memory() -> None:
    """Log how much of a GPU's memory was in use at most; that of the CPU is in the job's benchmark."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        device = torch.cuda.get_device_properties(torch.cuda.current_device())
        peak, whole = torch.cuda.max_memory_allocated() / 2**30, device.total_memory / 2**30
        logging.info("%s: at most %.1f of %.0f GiB in use", device.name, peak, whole)


class Progress:
    """How far a job has got: a line in its log every 10 seconds, and every minute on the terminal of a local run."""

    def __init__(self, what: str, total: int, done: float = 0):
        self.what, self.total, self.done, self.before = what, total, done, done
        self.began = self.logged = self.shown = time.monotonic()

    def reach(self, done: float) -> None:
        """So many are done, fractions included."""
        self.done, now = done, time.monotonic()
        if now - self.logged >= 10 or done == self.total:
            self.logged = now
            logging.info(str(self))
        if now - self.shown >= 60 and _terminal:
            self.shown = now
            print(f"{_terminal.job}: {self}", file=_terminal.stream, flush=True)

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.began, 1e-9) / max(self.done - self.before, 1e-9)  # each
        speed = f"{plain(1 / seconds)} a second" if seconds < 1 else f"{plain(seconds)} s each"
        percent, left = 100 * self.done / self.total, spelled(seconds * (self.total - self.done))
        return f"{plain(self.done)} of {self.total:,} {self.what} ({percent:.0f} %), {speed}, {left} left"


def progress(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The same items, with a :class:`Progress`; of a range with steps, it counts what the steps pass over."""
    counted = range(items.start, items.stop) if isinstance(items, range) else items
    step = items.step if isinstance(items, range) else 1
    told = Progress(what, len(counted))
    for number, item in enumerate(items, start=1):
        yield item
        told.reach(min(number * step, len(counted)))


def plain(number: float) -> str:
    """A number for people: 12,345, 56 or 7.8."""
    return f"{number:,.1f}".removesuffix(".0") if number < 100 else f"{number:,.0f}"


def spelled(seconds: float) -> str:
    """A duration in words: 40 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
