"""Several transfers at a time; the first failure stops them all and is the one that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from .patience import Patience, Stopped


def abreast(one: Callable[..., None], work: Sequence[tuple[Any, ...]], threads: int, patience: Patience) -> None:
    """`one(*each)` for all of `work` in at most `threads` threads; raises what the first failure raised."""
    if not work:
        return
    with ThreadPoolExecutor(min(threads, len(work))) as pool:
        tasks = [pool.submit(one, *each) for each in work]
        try:
            done, _ = wait(tasks, return_when=FIRST_EXCEPTION)
        except BaseException:
            patience.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        failures = [failure for failure in (task.exception() for task in done if not task.cancelled()) if failure]
        if failures:
            patience.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise next((each for each in failures if not isinstance(each, Stopped)), failures[0])
