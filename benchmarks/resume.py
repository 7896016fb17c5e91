"""Runs that are killed at random moments and then go on: is the film the same?

    python benchmarks/resume.py --film FILM [--kills 50] [--most-s 2]

Colours the film once without a stop. Then, again and again, `vidcolor run` is started, killed
(SIGKILL) at a random moment between its first finished segment and its end, started again, and its
output compared with the first: decoded frames, their times, and all packets of other streams.
Segments are short, so that several are at stake. Fails if a film differs or anything is left over.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
from common import machine, print_table

from vidcolor.jobs.folder import delete_job, find_jobs


def content(path: Path) -> str:
    """Digest of everything a viewer could notice."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type == "video":
                for frame in packet.decode():
                    digest.update(f"{frame.pts}×{frame.time_base}".encode())
                    digest.update(frame.to_ndarray().tobytes())
            elif packet.size:
                digest.update(f"{packet.stream_index} {packet.pts} {packet.dts}".encode())
                digest.update(bytes(packet))
    return digest.hexdigest()


def kept_frames(folder: Path) -> int:
    """In finished segments."""
    return sum(job.frames for job in find_jobs(folder))


def main() -> None:
    """Print the table; fail if a film differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--least-s", type=float, default=0.5, help="of a segment")
    parser.add_argument("--most-s", type=float, default=2.0, help="of a segment")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "outputs"
        folder.mkdir()
        preset = Path(scratch) / "short.toml"
        preset.write_text(
            f"[segments]\nleast_s = {options.least_s}\nmost_s = {options.most_s}\n", "utf-8"
        )
        command = [sys.executable, "-m", "vidcolor", "run", str(options.film), "-q"]
        command += ["--preset", str(preset), "--progress", "none", "-o"]
        whole, output = folder / "whole.mkv", folder / "out.mkv"
        begin = time.perf_counter()
        subprocess.run([*command, str(whole)], check=True)
        whole_s = time.perf_counter() - begin
        wanted = content(whole)
        kept: list[int] = []
        different = late = 0
        while len(kept) < options.kills:
            with subprocess.Popen([*command, str(output)]) as process:
                while process.poll() is None and not kept_frames(folder):
                    time.sleep(0.02)
                time.sleep(rng.uniform(0, whole_s))
                process.send_signal(signal.SIGKILL)
            if output.exists():  # it had been quicker
                late += 1
                output.unlink()
                for job in find_jobs(folder):
                    delete_job(job)
                continue
            kept.append(kept_frames(folder))
            subprocess.run([*command, str(output)], check=True)
            different += content(output) != wanted
            output.unlink()
            left = sorted(path.name for path in folder.iterdir())
            if left != ["whole.mkv"]:
                sys.exit(f"left over after {len(kept)} kills: {left}")
    print(f"{datetime.date.today()}, {machine()}")
    print(
        f"`resume.py --film {options.film.name} --kills {options.kills} --least-s "
        f"{options.least_s:g} --most-s {options.most_s:g}`\n"
    )
    rows = [
        ["runs killed", str(len(kept))],
        ["runs that ended before they were killed, not counted", str(late)],
        ["frames kept when killed", f"{min(kept)} … {max(kept)}"],
        ["films that differ from the undisturbed one", str(different)],
    ]
    print_table(["", ""], rows)
    if different:
        sys.exit("films differ")


if __name__ == "__main__":
    main()
