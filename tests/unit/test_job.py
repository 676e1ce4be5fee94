"""Common parts of all jobs: shards and progress."""

import io
import itertools
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import job
from friendlyfire.records.progress import Progress, progress, spelled
from friendlyfire.records.sharing import share


@given(count=st.integers(0, 500), block=st.integers(1, 70), shards=st.integers(1, 40))
def test_shares_cover_everything_once_and_cut_between_blocks(count, block, shards):
    shares = [share(count, block, shard, shards) for shard in range(shards)]
    assert shares[0][0] == 0
    assert shares[-1][1] == count
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(shares))
    assert all(stop % block == 0 for _, stop in shares[:-1] if stop < count)


@pytest.fixture
def clock(monkeypatch):
    """A list with the time that time.monotonic returns."""
    now = [0.0]
    monkeypatch.setattr(job.time, "monotonic", lambda: now[0])
    return now


def test_progress_counts_the_images_of_a_range_and_says_how_long_it_will_take(clock, caplog):
    caplog.set_level(logging.INFO)
    for start in progress(range(1000, 4000, 1000), "images"):
        clock[0] += 8
    assert caplog.messages == [
        "2,000 of 3,000 images (67 %), 125 a second, 8 s left",
        "3,000 of 3,000 images (100 %), 125 a second, 0 s left",
    ]


def test_the_console_is_told_how_far_a_job_has_got(monkeypatch):
    console = io.StringIO()
    monkeypatch.setattr(job, "_console", console)
    monkeypatch.setattr("friendlyfire.records.progress._latest", None)
    with job.pulse("train_network digits-lenet", seconds=0.01):
        time.sleep(0.1)
        Progress("epochs", 30, done=2)
        time.sleep(0.1)
    assert list(dict.fromkeys(console.getvalue().splitlines())) == [
        "train_network digits-lenet: at work for 0 s",
        "train_network digits-lenet: 2 of 30 epochs",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(8.4, "8 s"), (130, "2 min"), (3 * 3600 + 1215, "3 h 20 min")])
def test_durations_are_spelled(seconds, words):
    assert spelled(seconds) == words
