"""Ctrl-C and SIGTERM during a run."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidcolor.cli import program
from vidcolor.cli.signals import SHOW_CURSOR, stop_on_signals
from vidcolor.errors import DiskFullError


@pytest.fixture(autouse=True)
def _without_nohup() -> Iterator[None]:
    """Whoever runs these tests may have had SIGHUP ignored, and children inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_to_stop(
    capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with stop_on_signals(lambda: pytest.fail("not yet")) as stop:
        assert not stop.event.is_set()
        os.kill(os.getpid(), number)
        assert stop.event.is_set()
        assert stop.signal_number == number
    assert "once more to stop at once" in capfd.readouterr().err
    assert signal.getsignal(number) is before


def test_the_second_signal_cleans_up_and_exits_whatever_is_running(tmp_path: Path) -> None:
    unfinished = tmp_path / "film.part"
    unfinished.touch()
    code = (
        "import os, signal, sys, threading\n"
        "from pathlib import Path\n"
        "from vidcolor.cli.signals import stop_on_signals\n"
        "stuck = threading.Event()\n"
        "threading.Thread(target=stuck.wait).start()  # would hold up a normal exit for ever\n"
        "with stop_on_signals(Path(sys.argv[1]).unlink):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    command = [sys.executable, "-c", code, str(unfinished)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert done.returncode == 143
    assert not unfinished.exists()


def test_the_immediate_exit_shows_the_terminals_cursor_again() -> None:
    code = (
        "import os, signal\n"
        "from vidcolor.cli.signals import stop_on_signals\n"
        "with stop_on_signals(lambda: None):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
    )
    screen, terminal = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stderr=terminal, timeout=30, check=False)
    said = os.read(screen, 4096)
    os.close(screen)
    os.close(terminal)
    assert done.returncode == 130
    assert said.endswith(SHOW_CURSOR)


def test_a_closed_terminal_is_left_but_nothing_else() -> None:
    """Whatever is written after the hang-up must not end in an error of its own."""
    code = (
        "import os, sys\n"
        "from vidcolor.cli.signals import stop_on_signals\n"
        "with stop_on_signals(lambda: None) as stop:\n"
        "    os.write(int(sys.argv[1]), b'ready')\n"
        "    stop.event.wait(30)\n"
        "    print('to a terminal that is gone', file=sys.stderr, flush=True)\n"
        "    print('to a pipe that is there', flush=True)\n"
        "    sys.exit(128 + stop.signal_number)\n"
    )
    screen, terminal = pty.openpty()
    ready, told = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(told)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        pass_fds=[told],
        text=True,
    ) as child:
        os.read(ready, 5)
        os.close(terminal)
        os.close(screen)
        child.send_signal(signal.SIGHUP)
        said, _ = child.communicate(timeout=30)
    os.close(ready)
    os.close(told)
    assert child.returncode == 129
    assert said == "to a pipe that is there\n"


def test_an_error_keeps_its_code_when_the_terminal_is_gone() -> None:
    """And a device that never was a terminal is not taken for one that was closed."""
    code = (
        "import os, sys\n"
        "from vidcolor.cli import session\n"
        "from vidcolor.errors import DiskFullError\n"
        "os.write(int(sys.argv[1]), b'r')\n"
        "os.read(int(sys.argv[2]), 1)\n"
        "code = session.report_failure(DiskFullError('full'))\n"
        "assert os.path.samestat(os.fstat(1), os.stat('/dev/zero'))\n"
        "os._exit(code)\n"
    )
    screen, terminal = pty.openpty()
    ready, told = os.pipe()
    waits, go = os.pipe()
    with (
        open("/dev/zero", "wb") as device,
        subprocess.Popen(
            [sys.executable, "-c", code, str(told), str(waits)],
            stdout=device,
            stderr=terminal,
            pass_fds=[told, waits],
            start_new_session=True,
        ) as child,
    ):
        os.read(ready, 1)
        os.close(terminal)
        os.close(screen)
        os.write(go, b"g")
        child.wait(30)
    for descriptor in (ready, told, waits, go):
        os.close(descriptor)
    assert child.returncode == DiskFullError.exit_code


@pytest.mark.parametrize(
    ("raised", "code"), [(None, 0), (SystemExit(None), 0), (SystemExit(7), 7), (ValueError(), 1)]
)
def test_what_is_stuck_is_left_behind_however_the_program_ends(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, code: int
) -> None:
    ended: list[int] = []

    def app() -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr(program, "app", app)
    monkeypatch.setattr("vidcolor.stages.is_stalled", lambda: True)
    monkeypatch.setattr("os._exit", ended.append)
    with pytest.raises(SystemExit):
        program.main()
    assert ended == [code]


def test_nohup_is_obeyed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(lambda: pytest.fail("not at all")) as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.event.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def body() -> None:
        with stop_on_signals(lambda: None) as stop:
            seen.append((stop.event.is_set(), signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [(False, True)]
