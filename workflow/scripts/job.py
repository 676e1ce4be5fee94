"""A job of the workflow -> its script's main, with a log, threads, and errors told in one line."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from friendlyfire.errors import DeviceError, FriendlyFireError

Item = TypeVar("Item")


def run(main: Callable[[Any, Any, dict], None], snakemake: Any) -> None:
    """Call ``main(inputs, outputs, settings)`` for a Snakemake job; its output goes to the log of the rule.

    A :class:`FriendlyFireError` or a full disk is one line, in the log and on the console; anything else a traceback.
    """
    console = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    log = open(snakemake.log[0], "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (until the process ends)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log.fileno(), stream.fileno())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    settings = {"device": snakemake.config["device"], "data_dir": snakemake.config["data_dir"]}
    settings.update(snakemake.wildcards.items())
    for section in snakemake.params:
        settings.update(section)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.threads)
    try:
        fitting_memory(main)(snakemake.input, snakemake.output, settings)
        tell_device()
    except (FriendlyFireError, OSError) as error:
        message = f"{snakemake.rule}: {error}"
        logging.error(message)
        print(message, file=console, flush=True)
        sys.exit(1)


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


def tell_device() -> None:
    """Log which GPU was used, and how much of its memory at most."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        device = torch.cuda.get_device_properties(torch.cuda.current_device())
        peak, whole = torch.cuda.max_memory_allocated() / 2**30, device.total_memory / 2**30
        logging.info("%s: at most %.1f of %.0f GiB in use", device.name, peak, whole)


def progress(items: Iterable[Item], what: str, total: int | None = None, seconds: float = 10.0) -> Iterator[Item]:
    """The same items, with a line in the log every ``seconds``: how many are done, the rate, the time left."""
    total = len(items) if total is None and isinstance(items, Sized) else total
    began = told = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - told >= seconds or done == total:
            told, rate = now, done / max(now - began, 1e-9)
            logging.info("%d of %d %s, %.3g a second, %.0f s left", done, total, what, rate, (total - done) / rate)
