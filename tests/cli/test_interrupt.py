"""Interrupts are facts to look at, with real signals."""

import os
import signal

import pytest

from cli.wire.interrupt import Interrupts


def test_they_are_counted_and_taken():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert not interrupts.take()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.take()
        assert not interrupts.take()
        assert not interrupts.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.sleep(30)
    assert signal.getsignal(signal.SIGINT) is before


def test_before_anything_is_queued_the_first_one_ends_all():
    with Interrupts(raising=True), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_one_that_nobody_looks_at_is_not_lost():
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
