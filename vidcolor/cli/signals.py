"""Ctrl-C, SIGTERM and a closed terminal while a film is being coloured."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

STOPPING = b"\nvidcolor: stopping; once more to stop at once\n"
"""Said at the first signal, because the encoder may need a moment to close."""


SHOW_CURSOR = b"\x1b[?25h"
"""ECMA-48's private mode 25; a live progress bar has hidden the terminal's cursor."""


def stopping_signals() -> list[signal.Signals]:
    """SIGINT, SIGTERM and, unless ``nohup`` is at work, the SIGHUP of a closed terminal."""
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hang_up]


_terminals = {descriptor for descriptor in (1, 2) if os.isatty(descriptor)}
"""Of stdout and stderr, those that were terminals at the start and have not been left."""


def leave_terminal() -> None:
    """Where stdout or stderr is a terminal that was closed: write to nowhere, not into errors."""
    for descriptor in tuple(_terminals):
        with suppress(OSError):
            if not os.isatty(descriptor):
                _terminals.discard(descriptor)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


@dataclass(slots=True)
class StopRequest:
    """Whether, and by which signal, the user asked to stop."""

    event: threading.Event = field(default_factory=threading.Event)
    """Handed to the engine as ``cancel``."""
    signal_number: int = signal.SIGINT


@contextmanager
def stop_on_signals(clean_up: Callable[[], None]) -> Iterator[StopRequest]:
    """The first of `stopping_signals` asks to stop, the second stops at once.

    Parameters
    ----------
    clean_up:
        Called before the immediate exit; it must delete what is unfinished.
    """
    request = StopRequest()

    def stop(number: int, _frame: FrameType | None) -> None:
        leave_terminal()
        if request.event.is_set():
            with suppress(OSError):
                clean_up()
            with suppress(OSError):
                if os.isatty(2):
                    os.write(2, SHOW_CURSOR)
            # Not sys.exit: a thread inside the encoder could hold the interpreter for minutes.
            os._exit(128 + number)
        request.signal_number = number
        request.event.set()
        with suppress(OSError):
            # print() is not safe here: the signal may have arrived inside another print().
            os.write(2, STOPPING)

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, stop) for number in stopping_signals()}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
