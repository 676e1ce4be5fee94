"""A job of the workflow -> its script's main, with a log, threads, and errors told in one line."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from friendlyfire.errors import FriendlyFireError

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
        main(snakemake.input, snakemake.output, settings)
    except (FriendlyFireError, OSError) as error:
        message = f"{snakemake.rule}: {error}"
        logging.error(message)
        print(message, file=console, flush=True)
        sys.exit(1)


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
