"""Run a job's script: its main function, with a log, threads, checked inputs, and errors reported in one line.

Import this module first: imports create many objects and no garbage, and garbage collection takes a sixth of their
time.
"""

import contextlib
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from engine import warm

if hasattr(sys.modules["__main__"], "snakemake"):
    warm.hand_over()

from threadpoolctl import threadpool_limits

from engine.notes import machine, provenance, sections, write_note
from engine.provenance import is_result
from engine.sections import threads_of
from friendlyfire.records.errors import FAULTS, DeviceError, FriendlyFireError, in_a_line
from friendlyfire.records.progress import latest, spelled

if hasattr(sys.modules["__main__"], "snakemake"):
    gc.disable()  # until the job runs

#: Standard error of Snakemake; None outside a job.
_console: TextIO | None = None


def run(main: Callable[[Any, Any, dict], None], snakemake: Any) -> None:
    """Call ``main(inputs, outputs, settings)`` for a Snakemake job; its output goes to the rule's log.

    A :class:`FriendlyFireError` or a full disk is reported in one line, in the log and on the console. Any other error
    is reported with a traceback.
    """
    global _console
    gc.freeze()
    gc.enable()
    _console = os.fdopen(os.dup(sys.stderr.fileno()), "w", errors="backslashreplace")
    name = f"{snakemake.rule} {os.path.basename(snakemake.log[0]).removesuffix('.log')}"
    if os.path.exists(snakemake.log[0]):
        os.replace(snakemake.log[0], f"{snakemake.log[0]}.previous")  # keeps the reason of a failed attempt
    # Open until the process ends. File names need not be valid text.
    log = open(snakemake.log[0], "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log.fileno(), stream.fileno())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    # Published weights are also loaded as tensors only, whichever library loads them.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    settings = {key: snakemake.config[key] for key in ("device", "data_dir")} | {"config": snakemake.config}
    settings.update(snakemake.wildcards.items(), declared=snakemake.params.get("declared"))
    for section in sections(snakemake):
        settings.update(section)
    # The same number on every machine: sums over images depend on the number of threads.
    threads = threads_of(snakemake.config, snakemake.wildcards.get("experiment"))
    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        with pulse(name):
            settings["provenance"] = provenance(snakemake)
            fitting_memory(main)(snakemake.input, snakemake.output, settings)
        record = {**settings["provenance"], **machine()}
        for path in filter(is_result, snakemake.output):
            write_note(path, record)
        tell_memory()
    except (FriendlyFireError, OSError) as error:
        tell_fault(f"{snakemake.rule}: {error}")
        sys.exit(1)
    except Exception as error:
        tell_fault(f"{snakemake.rule}: {in_a_line(error)}; the full traceback is in {snakemake.log[0]}")
        raise


def tell_fault(message: str) -> None:
    """Report in one line why a job fails: in its log, on the console, and for the end of the run."""
    line = " ".join(message.splitlines())
    announce(line)
    with contextlib.suppress(OSError), FAULTS.open("a", encoding="utf-8", errors="backslashreplace") as faults:
        print(line, file=faults)  # a full disk cannot store it, but the console shows it


@contextlib.contextmanager
def pulse(job: str, seconds: float = 10) -> Iterator[None]:
    """Report the job's progress on the console every 10 seconds of the block, or that it is at work."""
    ended, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not ended.wait(seconds):
            at = latest() or f"at work for {spelled(time.monotonic() - began)}"
            print(f"{job}: {at}", file=_console, flush=True)

    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    try:
        yield
    finally:
        ended.set()
        telling.join()


def announce(text: str) -> None:
    """Report a line to the user: in the log and on the console."""
    logging.info(text)
    if _console:
        print(text, file=_console, flush=True)


def fitting_memory(main: Callable[..., None]) -> Callable[..., None]:
    """Return ``main``, restarted with half the batch size whenever a GPU runs out of memory."""

    def fitted(*arguments: Any) -> None:
        while True:
            try:
                return main(*arguments)
            except RuntimeError as error:
                devices = sys.modules.get("friendlyfire.devices")  # not every job has torch
                if not (devices and devices.is_out_of_memory(error)):
                    raise
                reason = in_a_line(error)
            # The error is released here, and with it the frames that held the tensors.
            if not devices.halve_batches():
                raise DeviceError(f"out of GPU memory at batch size 1: {reason}")
            logging.warning("out of GPU memory: restarting with half the batch size")

    return fitted


def tell_memory() -> None:
    """Log the peak memory of the GPU; the peak memory of the process is in the notes of its results."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        device = torch.cuda.get_device_properties(torch.cuda.current_device())
        peak, whole = torch.cuda.max_memory_allocated() / 2**30, device.total_memory / 2**30
        logging.info("%s: at most %.1f of %.0f GiB in use", device.name, peak, whole)
