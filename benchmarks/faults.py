"""What happens to a run when something fails: is anything half written, and does it go on?

    python benchmarks/faults.py --film FILM [--seconds 4] [--only TEXT]

Cuts a piece out of FILM and colours it once without a fault. Then, once for each fault, `vidcolor
run` is started and something is done to it: signals, full disks, folders and sources that vanish or
change, damaged and unreadable sources, a device without memory, a stage that hangs. Afterwards the
fault is taken away and the same command runs again. Prints, for each: exit code, message, what
lies on the disk, and whether the second run gives the undisturbed film, frame for frame.

Fails if a file under the output's name is not whole, an exit code is not the expected one, or a
second run gives another film. Needs Linux; as root, which full and read-only disks are mounted
with, and with a C compiler, for read and write errors; what cannot be done is left out and said.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from common import machine, print_table
from resume import content

from vidcolor.jobs.folder import find_jobs
from vidcolor.media.writer import RESERVE_BYTES

PRESET = """
[encode]
container = "mkv"
codec = "ffv1"
codec_max_bits = 16
[network]
short_side = 64
engine = "torch"
every = 1
[temporal]
radius = 1
[segments]
least_s = 0.5
most_s = 1.0
"""
"""Short segments, so that several are at stake, an encoder that gives the same bits twice, and
little work for the network, which makes no difference here."""

DISK_MB = 64
"""Size of disks that are to be filled."""

GRACE_S = 240.0
"""After which a run counts as hung."""

AT_ONCE_S = 2.0
"""What a second signal may take, and how long the first is waited for."""

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* Calls on files whose path contains FAULT_PATH fail with EIO after FAULT_BYTES bytes. */
static long done;
static int is_due(const char *what, int fd, long size) {
  char link[64], path[4096];
  const char *kind = getenv("FAULT_KIND"), *part = getenv("FAULT_PATH");
  if (!kind || strcmp(kind, what) || !part) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, part)) return 0;
  done += size;
  return done > atol(getenv("FAULT_BYTES"));
}
ssize_t read(int fd, void *data, size_t size) {
  static ssize_t (*real)(int, void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "read");
  if (is_due("read", fd, size)) { errno = EIO; return -1; }
  return real(fd, data, size);
}
ssize_t write(int fd, const void *data, size_t size) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  if (is_due("write", fd, size)) { errno = EIO; return -1; }
  return real(fd, data, size);
}
"""

INJECTED = """
import os, signal, sys, time
import torch
kind = sys.argv.pop(1)
if kind == "killed at the end":
    import vidcolor.jobs.folder as module
    module.Job._leave = lambda job: os.kill(os.getpid(), signal.SIGKILL)
else:
    import vidcolor.models.torch_network as module
    run, calls = module.TorchNetwork._run, []
    def fail(self, pictures):
        calls.append(1)
        if len(calls) > 20:
            if kind == "hangs":
                print("injected: hangs", file=sys.stderr, flush=True)
                time.sleep(3600)
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return run(self, pictures)
    module.TorchNetwork._run = fail
from vidcolor.cli import main
main()
"""


@dataclass
class Scene:
    """Where one fault happens."""

    folder: Path
    source: Path
    preset: Path
    shim: Path | None
    environment: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    limits: Callable[[], None] | None = None
    program: list[str] = field(default_factory=lambda: [sys.executable, "-m", "vidcolor"])
    terminal: int | None = None
    process: Any = None
    problems: list[str] = field(default_factory=list)
    """What was wrong while the fault happened."""

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    @property
    def output(self) -> Path:
        return self.outputs / "out.mkv"

    def start(self) -> None:
        """Start the run."""
        command = [*self.program, "run", str(self.source), "-o", str(self.output)]
        command += ["--preset", str(self.preset), *self.arguments]
        if self.terminal is None:
            command += ["--progress", "none"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "errors").open("wb") if self.terminal is None else self.terminal,
            env=os.environ | self.environment,
            preexec_fn=self._prepare,
            start_new_session=True,
        )

    def _prepare(self) -> None:
        """In the child: this program may itself have been started under nohup."""
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if self.limits is not None:
            self.limits()

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Until it is so, or the run ends."""
        end = time.monotonic() + GRACE_S
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                if what():
                    return
            time.sleep(0.02)

    def wait_for_frames(self, count: int) -> None:
        """Until so many are in finished segments."""
        self.wait_for(lambda: self.kept() >= count)

    def wait_for_join(self) -> None:
        """Until the segments are being joined."""
        self.wait_for(
            lambda: self.kept() > 0 and bool(list(self.outputs.glob(".*/.out.mkv.*.part")))
        )

    def kept(self) -> int:
        """Frames in finished segments."""
        return sum(job.frames for job in find_jobs(self.outputs)) if self.outputs.is_dir() else 0

    def end(self) -> int:
        """The exit code; negative for a signal, -999 for a run that hung."""
        try:
            return int(self.process.wait(GRACE_S))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return -999

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def said(self) -> str:
        """The error's line, without paths."""
        path = self.folder / "errors"
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        lines = [line for line in text.splitlines() if line.startswith("vidcolor: error: ")]
        line = (lines or [""])[0].removeprefix("vidcolor: error: ")
        return line.replace(f"{self.folder}/", "").replace("|", "/")


Inject = Callable[[Scene], Any]


@dataclass(frozen=True)
class Fault:
    """One of the rows."""

    name: str
    inject: Inject
    """Starts the run and does it; what it returns takes the fault away."""
    codes: tuple[int, ...]
    """Exit codes that are right."""
    needs: str = ""
    """``mount`` or ``shim``."""
    is_other_film: bool = False
    """The output is not that of the whole film, but right."""


def signalled(number: signal.Signals, frames: int = 0, joining: bool = False) -> Inject:
    def inject(scene: Scene) -> None:
        scene.start()
        if joining:
            scene.wait_for_join()
        elif frames:
            scene.wait_for_frames(frames)
        else:
            scene.wait_for(lambda: bool(list(scene.outputs.glob(".*.vidcolor/*.packets"))))
        scene.send(number)

    return inject


def second_signal(scene: Scene) -> Callable[[], None]:
    """SIGINT while a stage hangs, which it cannot end; then another."""
    usual = scene.program
    scene.program = [sys.executable, "-c", INJECTED, "hangs"]
    scene.start()
    scene.wait_for(lambda: b"injected: hangs" in (scene.folder / "errors").read_bytes())
    scene.send(signal.SIGINT)
    time.sleep(AT_ONCE_S)
    if scene.process.poll() is not None:
        scene.problems.append("it had ended before the second signal")
    scene.send(signal.SIGINT)
    try:
        scene.process.wait(AT_ONCE_S)
    except subprocess.TimeoutExpired:
        scene.problems.append("the second signal did not end it at once")
    return lambda: setattr(scene, "program", usual)


def closed_terminal(scene: Scene) -> None:
    """As when the window is closed: the run leads the session of a terminal that goes away."""
    master, terminal = pty.openpty()
    scene.terminal = terminal
    scene.limits = lambda: _take_terminal(terminal)
    scene.start()
    os.close(terminal)
    os.set_blocking(master, False)
    scene.wait_for(lambda: scene.kept() >= 24 or _drain(master))
    os.close(master)


def _take_terminal(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _drain(master: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        os.read(master, 65536)
    return False


def mounted(scene: Scene, options: str) -> None:
    scene.outputs.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(scene.outputs)]
    subprocess.run(command, check=True)


def full_disk(size_mb: int = DISK_MB, left: Callable[[], int] | None = None) -> Inject:
    """A small disk, on which after some segments only ``left`` bytes are left by others."""

    def inject(scene: Scene) -> Callable[[], None]:
        mounted(scene, f"size={size_mb}m")
        scene.start()
        if left is not None:
            scene.wait_for_frames(24)
            size = shutil.disk_usage(scene.outputs).free - left()
            with contextlib.suppress(OSError):  # the run goes on writing, and may be quicker
                (scene.outputs / "filler").write_bytes(bytes(max(0, size)))
        return lambda: _more_room(scene)

    return inject


def _half_a_film() -> int:
    """Beyond the reserve: enough for the other half's segments, but not for joining them."""
    return RESERVE_BYTES + WHOLE_BYTES[0] * 6 // 10


def _more_room(scene: Scene) -> None:
    (scene.outputs / "filler").unlink(missing_ok=True)
    remount = ["mount", "-o", "remount,size=512m", str(scene.outputs)]
    subprocess.run(remount, check=True)


def largest_file(share: float) -> Inject:
    """No file may grow beyond a share of the film's: disk quotas and old file systems do that."""

    def inject(scene: Scene) -> Callable[[], None]:
        size = int(share * WHOLE_BYTES[0])
        scene.limits = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        scene.start()
        return lambda: setattr(scene, "limits", None)

    return inject


def failing(kind: str, path: str, share: float) -> Inject:
    """The system's read or write fails with EIO after a share of the bytes."""

    def inject(scene: Scene) -> Callable[[], None]:
        base = scene.source.stat().st_size if kind == "read" else WHOLE_BYTES[0]
        scene.environment = {
            "LD_PRELOAD": str(scene.shim),
            "FAULT_KIND": kind,
            "FAULT_PATH": path,
            "FAULT_BYTES": str(int(share * base)),
        }
        scene.start()
        return scene.environment.clear

    return inject


def cut_before(share: float) -> Inject:
    def inject(scene: Scene) -> Callable[[], None]:
        whole = scene.source.read_bytes()
        scene.source.write_bytes(whole[: int(share * len(whole))])
        scene.start()
        return lambda: _put_back(scene.source, whole)

    return inject


def _put_back(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)


def while_reading(change: Callable[[Scene, bytes], None]) -> Inject:
    def inject(scene: Scene) -> Callable[[], None]:
        whole = scene.source.read_bytes()
        scene.start()
        scene.wait_for_frames(24)
        change(scene, whole)
        return lambda: _put_back(scene.source, whole)

    return inject


def _replace(scene: Scene, whole: bytes) -> None:
    other = scene.folder / "other"
    other.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    other.replace(scene.source)


def _overwrite(scene: Scene, whole: bytes) -> None:
    with scene.source.open("r+b") as file:
        file.seek(len(whole) - 2000)
        file.write(bytes(1000))


def _truncate(scene: Scene, whole: bytes) -> None:
    os.truncate(scene.source, len(whole) // 2)


def _remove(scene: Scene, _whole: bytes) -> None:
    scene.source.unlink()


def damaged(count: int, *arguments: str) -> Inject:
    """From the 20th video packet on, so many hold nothing that could be decoded."""

    def inject(scene: Scene) -> Callable[[], None]:
        whole = scene.source.read_bytes()
        content = bytearray(whole)
        with av.open(str(scene.source)) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        for payload in packets[20 : 20 + count]:
            begin = whole.index(payload)
            content[begin : begin + len(payload)] = b"\xff" * len(payload)
        scene.source.write_bytes(content)
        scene.arguments = list(arguments)
        scene.start()
        return lambda: _put_back(scene.source, whole)

    return inject


def folder_goes(rename: bool) -> Inject:
    def inject(scene: Scene) -> Callable[[], None]:
        scene.start()
        scene.wait_for_frames(24)
        away = scene.folder / "away"
        scene.outputs.rename(away)
        if not rename:
            shutil.rmtree(away)
        return lambda: scene.outputs.mkdir() if not rename else away.rename(scene.outputs)

    return inject


def read_only(scene: Scene) -> Callable[[], Any]:
    mounted(scene, "size=512m,ro")
    scene.start()
    remount = ["mount", "-o", "remount,rw", str(scene.outputs)]
    return lambda: subprocess.run(remount, check=True)


def injected(kind: str, *arguments: str) -> Inject:
    def inject(scene: Scene) -> Callable[[], None]:
        usual = scene.program
        scene.program = [sys.executable, "-c", INJECTED, kind]
        scene.arguments = list(arguments)
        scene.start()
        return lambda: setattr(scene, "program", usual)

    return inject


FEW = ("--limit", "max_bad_packets=10")
INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
FAULTS = (
    Fault("SIGINT in the first segment", signalled(INT), (130,)),
    Fault("SIGINT after a few segments", signalled(INT, frames=36), (130,)),
    Fault("SIGINT twice, a stage hangs", second_signal, (130,)),
    Fault("SIGTERM after a segment", signalled(TERM, frames=24), (143,)),
    Fault("SIGTERM while joining", signalled(TERM, joining=True), (143, 0)),
    Fault("SIGHUP after a segment", signalled(HUP, frames=24), (129,)),
    Fault("terminal closed", closed_terminal, (129,)),
    Fault("SIGKILL after a segment", signalled(KILL, frames=24), (-9,)),
    Fault("SIGKILL while joining", signalled(KILL, joining=True), (-9, 0)),
    Fault("SIGKILL after the renaming", injected("killed at the end"), (-9,)),
    Fault("disk too small from the start", full_disk(size_mb=8), (23,), "mount"),
    Fault("disk full after a segment", full_disk(left=lambda: 0), (23,), "mount"),
    Fault("disk too full for joining", full_disk(left=_half_a_film), (23,), "mount"),
    Fault("files limited, first segment", largest_file(0.02), (23,)),
    Fault("files limited, while joining", largest_file(0.7), (23,)),
    Fault("write error (EIO)", failing("write", ".vidcolor/", 0.4), (22,), "shim"),
    Fault("output folder deleted", folder_goes(rename=False), (22,)),
    Fault("output folder renamed", folder_goes(rename=True), (22,)),
    Fault("output folder read-only", read_only, (22,), "mount"),
    Fault("source cut to 1 %", cut_before(0.01), (6, 9, 11, 14)),
    Fault("source cut to half", cut_before(0.5), (11,)),
    Fault("source cut to 90 %", cut_before(0.9), (11,)),
    Fault("source truncated while read", while_reading(_truncate), (11, 14, 15)),
    Fault("source replaced while read", while_reading(_replace), (15,)),
    Fault("source overwritten while read", while_reading(_overwrite), (11, 14, 15)),
    Fault("source deleted while read", while_reading(_remove), (3,)),
    Fault("one packet damaged", damaged(1), (0,), is_other_film=True),
    Fault("30 packets damaged, 10 allowed", damaged(30, *FEW), (14,)),
    Fault("read error (EIO)", failing("read", "source.mkv", 0.6), (3,), "shim"),
    Fault("device out of memory", injected("no memory"), (42,)),
    Fault("network hangs", injected("hangs", "--limit", "stall_s=5"), (44,)),
)

WHOLE_BYTES: list[int] = []
"""Size of the undisturbed output."""


def cut_out(film: Path, source: Path, seconds: float) -> None:
    """The first ``seconds`` of a film, packets as they are, in Matroska."""
    with av.open(str(film)) as given, av.open(str(source), "w") as out:
        streams = {
            s.index: out.add_stream_from_template(s)
            for s in (*given.streams.video[:1], *given.streams.audio[:1])
        }
        for packet in given.demux(*(given.streams[i] for i in streams)):
            if packet.dts is not None and float(packet.dts * packet.time_base) < seconds:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)


def build_shim(folder: Path) -> Path | None:
    """The library that makes reading and writing fail; None without a compiler."""
    (folder / "shim.c").write_text(SHIM)
    command = ["cc", "-shared", "-fPIC", "-o", str(folder / "shim.so"), str(folder / "shim.c")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return folder / "shim.so"


def on_disk(scene: Scene) -> str:
    """What a user finds beside the output."""
    if not scene.outputs.is_dir():
        return "no folder"
    found = []
    if scene.output.exists():
        found.append("the output")
    jobs = find_jobs(scene.outputs)
    if any(job.is_leftover for job in jobs):
        found.append("leftovers of its work")
    elif kept := sum(job.frames for job in jobs):
        found.append(f"{kept} frames kept")
    known = {
        scene.output,
        scene.outputs / "filler",
        *(job.folder for job in jobs),
    }
    found += [path.name for path in scene.outputs.iterdir() if path not in known]
    return ", ".join(found) or "nothing"


def try_fault(fault: Fault, scene: Scene, wanted: str) -> tuple[list[str], list[str]]:
    """One row, and what is wrong."""
    repair = fault.inject(scene)
    code = scene.end()
    wrong = list(scene.problems)
    if code not in fault.codes:
        wrong.append(f"exit code {code}, not {fault.codes}")
    left, said = on_disk(scene), scene.said()
    is_same = not scene.output.exists() or content(scene.output) == wanted
    if not is_same and not fault.is_other_film:
        wrong.append("what has the output's name is not whole")
    if scene.output.exists() and code not in (0, -9):
        wrong.append("a run that failed left an output")
    if repair is not None:
        repair()
    scene.terminal = scene.limits = None
    if scene.output.exists():
        scene.arguments = [*scene.arguments, "--overwrite"]
    scene.start()
    again = scene.end()
    same = again == 0 and scene.output.exists() and content(scene.output) == wanted
    if not same:
        wrong.append(f"the second run: exit code {again}: {scene.said()}")
    rest = on_disk(scene)
    if same and rest != "the output":
        wrong.append(f"left after the second run: {rest}")
    result = "same film" if same else f"exit code {again}"
    message = said if len(said) < 150 else said[:147] + "…"
    return [fault.name, str(code), message or "–", left, result], wrong


@contextlib.contextmanager
def scene_for(source: Path, preset: Path, shim: Path | None) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), Path(folder) / "source.mkv", preset, shim)
        shutil.copy(source, scene.source)
        scene.outputs.mkdir()
        try:
            yield scene
        finally:
            if os.path.ismount(scene.outputs):
                subprocess.run(["umount", "-l", str(scene.outputs)], check=False)


def in_own_mounts() -> bool:
    """Whether disks can be mounted, which is then tried in a namespace that nobody else sees."""
    if os.environ.get("FAULTS_MOUNTS"):
        return os.environ["FAULTS_MOUNTS"] == "yes"
    can = (
        os.geteuid() == 0 and not subprocess.run(["unshare", "-m", "true"], check=False).returncode
    )
    os.environ["FAULTS_MOUNTS"] = "yes" if can else "no"
    if can:
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    return False


def main() -> None:
    """Print the table; fail if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", default="", help="faults whose name has this text")
    options = parser.parse_args()
    can_mount = in_own_mounts()
    rows, wrong, missed = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        source, preset = Path(scratch) / "source.mkv", Path(scratch) / "short.toml"
        cut_out(options.film, source, options.seconds)
        preset.write_text(PRESET)
        shim = build_shim(Path(scratch))
        with scene_for(source, preset, shim) as scene:
            scene.start()
            if scene.end() != 0:
                sys.exit(f"without a fault it fails: {scene.said()}")
            wanted = content(scene.output)
            WHOLE_BYTES.append(scene.output.stat().st_size)
        for fault in FAULTS:
            if options.only not in fault.name:
                continue
            if (fault.needs == "mount" and not can_mount) or (fault.needs == "shim" and not shim):
                missed.append(fault.name)
                continue
            with scene_for(source, preset, shim) as scene:
                row, problems = try_fault(fault, scene, wanted)
            rows.append(row)
            wrong += [f"{fault.name}: {problem}" for problem in problems]
            print(*row, *problems, sep=" | ", file=sys.stderr, flush=True)
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`faults.py --film {options.film.name} --seconds {options.seconds:g}`\n")
    print_table(["fault", "exit code", "message", "on the disk afterwards", "run again"], rows)
    if missed:
        print(f"\nnot tried, for want of root or a compiler: {', '.join(missed)}")
    if wrong:
        sys.exit("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
