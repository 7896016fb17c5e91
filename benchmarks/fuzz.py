"""Feeds mutated files to everything in vidcolor that reads a file.

    python benchmarks/fuzz.py [--minutes 60] [--inputs 1000000] [--seed 0] [--keep DIR]

Small whole films, pictures, checkpoints, weights and text files are made, damaged at random and
read, in child processes, until the time or the number of inputs is reached. An input is refused
(any `VidcolorError`) or accepted. Everything else is a finding: an exception that is not ours, a
child that dies of a signal, one that takes longer than --hang-s, needs more than --memory-mb, or
writes, starts a program or opens a connection anywhere else. Each finding's file is kept in --keep,
with what was seen. Fails if there is any.

The same --seed gives the same inputs on the same versions.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import faulthandler
import hashlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, print_table
from fuzz_targets import SEED_FOLDER, TARGETS, Target, make_seeds

BATCH = 4000
"""Inputs after which a child makes way for a fresh one."""

IDLE_FACTOR = 10
"""A child that waits for something is left alone so many times longer than one that computes: the
machine may have other work."""

OUTCOMES = ("accepted", "refused", "unclean", "escapes", "crashes", "hangs")

HEADER_BYTES = 600
"""Where half of all changes go: headers decide more than payloads."""

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    *(b"nan", b"inf", b"-1", b"1e999", b"9" * 400, b"9" * 5000, b"true", b"[[", b"]", b'"', b"'''"),
    *(b"=", b"\n", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"../../", b"/etc/passwd", b"[" * 3000),
    *(b"moov", b"mdat", b"elst", b"stsd", b"stsz", b"ctts", b"udta", b"meta", b"RIFF", b"#EXTM3U"),
    *(b"\x00\x00\x01", b"\x1a\x45\xdf\xa3", b"\x1f\x43\xb6\x75", b"IHDR", b"iCCP", b"Exif\0\0"),
)


FORBIDDEN = (
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("socket.connect", "socket.bind", "socket.sendto", "urllib.Request"),
)
"""Python's audit events that nothing which reads a file may cause."""


class EscapedError(BaseException):
    """Something outside of the folder was to be written, started or reached."""


def mutated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """``data`` with a few random changes; ``other`` is spliced in now and then."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 9, 20))):
        rng.choice(CHANGES)(rng, out, other)
    return bytes(out[: 4 * len(data) + 20_000])


def _place(rng: random.Random, data: bytearray) -> int:
    most = len(data) if rng.random() < 0.5 else min(HEADER_BYTES, len(data))
    return rng.randrange(most) if most else 0


def _flip(rng: random.Random, data: bytearray, _other: bytes) -> None:
    if data:
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _other: bytes) -> None:
    if data:
        data[_place(rng, data)] = rng.randrange(256)


def _number(rng: random.Random, data: bytearray, _other: bytes) -> None:
    at, form = _place(rng, data), rng.choice((">H", "<H", ">I", "<I", ">Q", "<Q"))
    size = struct.calcsize(form)
    value = rng.choice(INTERESTING) + rng.choice((0, 0, 1, -1))
    data[at : at + size] = struct.pack(form, value % (1 << 8 * size))


def _noise(rng: random.Random, data: bytearray, _other: bytes) -> None:
    at = _place(rng, data)
    count = rng.choice((2, 8, 64, 500))
    data[at : at + count] = rng.randbytes(min(count, len(data) - at))


def _drop(rng: random.Random, data: bytearray, _other: bytes) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 1, 4, 16, 200, 2000))]


def _repeat(rng: random.Random, data: bytearray, _other: bytes) -> None:
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 4, 16, 200, 2000))] * rng.choice((1, 1, 2, 50))


def _cut(rng: random.Random, data: bytearray, _other: bytes) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    at, begin = _place(rng, data), rng.randrange(len(other) + 1)
    data[at : at + rng.choice((0, 16, 300))] = other[begin : begin + rng.choice((4, 40, 600, 9000))]


def _word(rng: random.Random, data: bytearray, _other: bytes) -> None:
    at, word = _place(rng, data), rng.choice(WORDS)
    data[at : at + rng.choice((0, len(word)))] = word


CHANGES: tuple[Callable[[random.Random, bytearray, bytes], None], ...] = (
    *(_flip, _flip, _set, _number, _number, _noise, _drop, _repeat, _cut, _splice, _word),
)


class Shared:
    """What a child tells its parent, even when it dies: counts, and which input it is at."""

    def __init__(self) -> None:
        size = 8 * (2 + len(TARGETS) * len(OUTCOMES))
        values = np.frombuffer(mmap.mmap(-1, size), np.int64)
        self.at, self.counts = values[:2], values[2:].reshape(len(TARGETS), len(OUTCOMES))

    def count(self, target: int, outcome: str) -> None:
        self.counts[target, OUTCOMES.index(outcome)] += 1


def choose(rng: random.Random) -> int:
    """Index of a target."""
    return rng.choices(range(len(TARGETS)), [target.weight for target in TARGETS])[0]


class Child:
    """Reads a batch of inputs; runs in a process of its own."""

    def __init__(self, shared: Shared, seeds: Path, folder: Path, keep: Path, seed: int) -> None:
        self.shared, self.folder, self.keep, self.seed = shared, folder, keep, seed
        self.seeds = {path.name: path.read_bytes() for path in seeds.iterdir()}
        self.is_watched = False

    def run(self, first: int, count: int, memory_mb: int) -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + memory_mb * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(self.folder)
        sys.dont_write_bytecode = True
        sys.addaudithook(self._watch)
        for index in range(first, first + count):
            self._feed(index)
        self.shared.at[0] = -1

    def _feed(self, index: int) -> None:
        rng = random.Random(f"{self.seed} {index}")
        number = choose(rng)
        target = TARGETS[number]
        name = rng.choice(target.seeds)
        data = mutated(rng, self.seeds[name], self.seeds[rng.choice(target.seeds)])
        path = self.folder / f"input{Path(name).suffix}"
        path.write_bytes(data)
        self.shared.at[:] = index, number
        try:
            self.is_watched = True
            try:
                target.run(path, rng)
                outcome = "accepted"
            finally:
                self.is_watched = False
        except EscapedError as error:
            outcome = "escapes"
            self._keep(target, path, outcome, error)
        except BaseException as error:
            outcome = "refused" if _is_ours(error) else "unclean"
            if outcome == "unclean":
                self._keep(target, path, outcome, error)
        self.shared.count(number, outcome)
        for left in self.folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _keep(self, target: Target, path: Path, outcome: str, error: BaseException) -> None:
        trace = traceback.extract_tb(error.__traceback__)
        ours = [f for f in trace if "/vidcolor/" in f.filename] or trace
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in (ours[-1], trace[-1])]
        text = "".join(traceback.format_exception(error))
        keep_finding(self.keep, target, path, outcome, f"{type(error).__name__} {places}", text)

    def _watch(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_watched:
            return
        if event == "open":
            path, _mode, flags = args
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, str | bytes):
                self._check(event, path)
        elif event in ("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"):
            self._check(event, args[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._check(event, args[1])
        elif event.startswith(FORBIDDEN):
            raise EscapedError(f"{event} {args!r}")

    def _check(self, event: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.path.abspath(os.fsdecode(path))
        if not text.startswith((str(self.folder), "/dev/null", "/dev/shm/")):
            raise EscapedError(f"{event} {text}")


def _is_ours(error: BaseException) -> bool:
    from vidcolor.errors import VidcolorError

    return isinstance(error, VidcolorError)


def keep_finding(
    keep: Path, target: Target, path: Path, outcome: str, what: str, text: str
) -> None:
    """Keep the first input of each kind of finding."""
    digest = hashlib.sha256(f"{target.name} {outcome} {what}".encode()).hexdigest()[:8]
    name = f"{outcome}-{digest}"
    if (keep / f"{name}.txt").exists():
        return
    with contextlib.suppress(OSError):
        shutil.copy(path, keep / f"{name}{path.suffix}")
    (keep / f"{name}.txt").write_text(f"{target.name}: {what}\n{text}", "utf-8", "replace")


def start_child(work: Callable[[], None], log: Path) -> int:
    """Fork; the child does ``work`` and ends. Returns its process id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setsid()
        errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(errors, 2)
        faulthandler.enable()
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def processor_s(process: int) -> float:
    """Processor time of a child, all its threads, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch_child(process: int, shared: Shared, hang_s: float) -> str | None:
    """Wait for the end of a child: None, or how it failed."""
    seen, since, used = -1, time.monotonic(), 0.0
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code < 0:
                return signal.Signals(-code).name
            return None if code == 0 else f"exit code {code}"
        if shared.at[0] != seen:
            seen, since, used = int(shared.at[0]), time.monotonic(), processor_s(process)
        elif (
            processor_s(process) - used > hang_s or time.monotonic() - since > IDLE_FACTOR * hang_s
        ):
            os.kill(process, signal.SIGABRT)  # so that faulthandler tells where it was
            time.sleep(0.5)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return "hang"
        time.sleep(0.02)


def untouched(scratch: Path, keep: Path) -> str:
    """A digest of all that no child may touch, to find what is written behind Python's back."""
    digest = hashlib.sha256()
    for path in sorted(scratch.rglob("*")):
        if keep not in path.parents and scratch / "work" not in path.parents:
            digest.update(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def fuzz(options: argparse.Namespace, scratch: Path, keep: Path, shared: Shared) -> int:
    """Run children until time or inputs are used up; how many inputs there were."""
    seeds, folder, log = scratch / "seeds", scratch / "work", scratch / "child.log"
    seeds.mkdir()
    folder.mkdir()
    SEED_FOLDER.append(seeds)
    # In a child, so that no thread of an encoder or of torch is here when others are forked.
    if watch_child(start_child(lambda: make_seeds(seeds), log), shared, 600) is not None:
        sys.exit(f"no seeds: {log.read_text()[-2000:]}")
    end = time.monotonic() + 60 * options.minutes
    done = 0
    log.touch()
    before = untouched(seeds, keep)
    while done < options.inputs and time.monotonic() < end:
        count = min(BATCH, options.inputs - done)
        shared.at[:] = -1
        child = Child(shared, seeds, folder, keep, options.seed)
        first = done
        process = start_child(lambda c=child, f=first, n=count: c.run(f, n, options.memory_mb), log)
        failure = watch_child(process, shared, options.hang_s)
        index, number = (int(value) for value in shared.at)
        if failure is None:
            done += count
        elif index < 0:
            sys.exit(f"a child failed outside of any input: {failure}: {log.read_text()[-2000:]}")
        else:
            done = index + 1
            outcome = "hangs" if failure == "hang" else "crashes"
            shared.count(number, outcome)
            text = log.read_text("utf-8", "replace")
            frames = [line for line in text.splitlines() if "/vidcolor/" in line][:1]
            for path in folder.glob("input.*"):
                keep_finding(keep, TARGETS[number], path, outcome, f"{failure} {frames}", text)
            shutil.rmtree(folder)
            folder.mkdir()
        if untouched(seeds, keep) != before:
            sys.exit(f"inputs {first}…{done - 1}: a file outside of the folder was changed")
    return done


def main() -> None:
    """Print the table; fail if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hang-s", type=float, default=20.0, help="processor time for one input")
    parser.add_argument("--memory-mb", type=int, default=3000, help="that a child may take more")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for findings")
    options = parser.parse_args()
    keep = options.keep.absolute()
    keep.mkdir(parents=True, exist_ok=True)
    import vidcolor.jobs.run
    import vidcolor.training.recipe  # noqa: F401  (before the fork)

    shared, begin = Shared(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        done = fuzz(options, Path(scratch), keep, shared)
    wall_s = time.monotonic() - begin
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`fuzz.py --minutes {options.minutes:g} --seed {options.seed}`\n")
    rows = [
        [target.name, f"{counts.sum():,}", *(f"{n:,}" for n in counts)]
        for target, counts in zip(TARGETS, shared.counts, strict=True)
    ]
    total = shared.counts.sum(axis=0)
    rows.append(["all", f"{total.sum():,}", *(f"{n:,}" for n in total)])
    print_table(["what reads", "inputs", *OUTCOMES], rows)
    print(f"\n{done:,} inputs in {wall_s / 60:.1f} min, {done / wall_s:.0f} per second")
    findings = sorted(keep.glob("*.txt"))
    for path in findings:
        print(json.dumps([path.name, path.read_text("utf-8").splitlines()[0]]))
    if total[OUTCOMES.index("unclean") :].any():
        sys.exit(f"findings are kept in {keep}")


if __name__ == "__main__":
    main()
