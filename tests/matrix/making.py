"""Makes the sources of the matrix: with the ffmpeg program, and with PyAV."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from tests.matrix.case import Maker
from tests.synthetic import make_film, run_ffmpeg

FRAMES = 10
"""Length of most sources."""

RATE = 25

BT709 = "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
"""Tags of most sources, so that nothing has to be guessed."""

LOSSLESS_X265 = {"x265-params": "lossless=1:log-level=none"}


def by_pyav(name: str, **facts: Any) -> Maker:
    """A film from `tests.synthetic.make_film`."""

    def make(folder: Path) -> Path:
        return make_film(folder / name, **{"frames": FRAMES, "rate": RATE, **facts})

    return make


def by_ffmpeg(
    name: str,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: str = "64x48",
    frames: int = FRAMES,
    rate: int | str = RATE,
    tags: str = BT709,
    filters: str = "",
    sound: Sequence[str] = (),
    inputs: Sequence[tuple[str, Mapping[str, Any]]] = (),
    maps: Sequence[str] = (),
    before: Sequence[Callable[[Path], Path]] = (),
    **options: Any,
) -> Maker:
    """A film from the ffmpeg program: a moving test picture in grey, and tones.

    Parameters
    ----------
    name:
        Of the file; its suffix chooses the container unless ``f`` does.
    tags:
        Fields of libav's ``setparams``; empty for none.
    filters:
        More of them, behind ``setparams``.
    sound:
        Encoder of each track.
    inputs:
        More inputs, (file name in the folder, options); ``before`` makes the files.
    maps:
        Their streams that are taken, ``2:s:0``; ``0`` is the picture, then come the tracks.
    options:
        Of the output; ``__`` stands for a colon, a list for an option that is given again.
    """

    def make(folder: Path) -> Path:
        extra = [write(folder) for write in before]
        seconds = frames / eval_rate(rate)
        deep = "gray16le" if re.search("(9|10|12|14|16)(le|be)$", pix_fmt) else "gray"
        steps = [
            f"testsrc2=size={size}:rate={rate}",
            f"format={deep}",
            "scale",
            f"format={pix_fmt}",
        ]
        steps += [f"setparams={tags}"] if tags else []
        steps += [filters] if filters else []
        picture = ffmpeg.input(",".join(steps), f="lavfi")
        tones = [
            ffmpeg.input(f"sine=frequency={330 + 110 * number}:sample_rate=48000", f="lavfi")
            for number in range(len(sound))
        ]
        others = [ffmpeg.input(str(folder / file), **given) for file, given in inputs]
        streams = [picture, *tones]
        for chosen in maps:
            place, _, rest = chosen.partition(":")
            node = others[int(place) - 1]
            streams.append(node[rest] if rest else node)
        given = {"c:v": codec, "pix_fmt": pix_fmt, "t": seconds}
        given |= {f"c:a:{number}": each for number, each in enumerate(sound)}
        given |= {key.replace("__", ":"): value for key, value in options.items()}
        if codec == "libx264":
            given = {"preset": "ultrafast", "x264-params": "bframes=2:scenecut=0", **given}
        if codec == "libx265":
            given = {"preset": "ultrafast", **LOSSLESS_X265, **given}
        given = {k: "\n".join(v) if isinstance(v, list) else v for k, v in given.items()}
        node = ffmpeg.output(*streams, str(folder / name), **given)
        command = ffmpeg.compile(node, cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
        run(list(_repeated(command)))
        for path in extra:
            path.unlink()
        return folder / name

    return make


def remuxed(
    make: Maker, name: str, *arguments: str, before: Sequence[Callable[[Path], Path]] = ()
) -> Maker:
    """What the ffmpeg program makes of another source, which is then deleted.

    Parameters
    ----------
    arguments:
        ``{source}`` stands for that one's path, ``{folder}`` for the folder of what ``before``
        writes; the output's path comes last by itself.
    """

    def make_it(folder: Path) -> Path:
        first = make(folder)
        source = first.rename(folder / f"first{first.suffix}")
        extra = [write(folder) for write in before]
        names = {"source": str(source), "folder": str(folder)}
        run_ffmpeg(*(each.format(**names) for each in arguments), str(folder / name))
        for path in (source, *extra):
            path.unlink()
        return folder / name

    return make_it


def _repeated(command: Sequence[str]) -> Iterator[str]:
    """Options with several values, one to a line, once for each: ffmpeg-python has no way."""
    for place, argument in enumerate(command):
        first, *others = argument.split("\n")
        yield first
        for other in others:
            yield from (command[place - 1], other)


def eval_rate(rate: int | str) -> float:
    """Frames per second of ``24000/1001`` and the like."""
    above, _, below = str(rate).partition("/")
    return int(above) / int(below or 1)


def run(command: Sequence[str]) -> None:
    """Run a program; what it said is in the error if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{list(command)}: {done.stderr.decode(errors='replace')[-3000:]}")
