"""The media matrix: what comes out of some 270 sources, as the ffmpeg program sees it.

    python tests/media_matrix.py [-k NAME]        run it, two minutes on one core
    python tests/media_matrix.py --markdown       the table of docs/formats.md, without a run

Each source is made, coloured by ``vidcolor run`` with a small untrained network, and read by
another version of FFmpeg than PyAV's. What differs in the output must be what its row says, with
a notice for it; anything else is a failure. Rows: `tests.matrix`.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.matrix.rows import chosen, markdown
from tests.matrix.running import Bench


def main() -> int:
    """Run the rows that were asked for; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-k", default="", metavar="NAME", help="only rows whose name contains it")
    parser.add_argument("--markdown", action="store_true", help="only print the table")
    given = parser.parse_args()
    if given.markdown:
        print(markdown(chosen(given.k)))
        return 0
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.in_folder(Path(folder))
        for case in chosen(given.k):
            with tempfile.TemporaryDirectory(dir=folder) as own:
                outcome = bench.run(case, Path(own))
            counts[outcome.kind] += 1
            print(f"{outcome.kind:8} {case.name}", flush=True)
            for line in outcome.failures:
                print(f"         ! {line}")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
