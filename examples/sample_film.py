"""Make a short black-and-white film to try vidcolor on.

    python examples/sample_film.py build/sample.mp4

Three shots, each a slow pan over one of the photographs that ship inside scikit-image
(public domain and CC0), turned to grey, with a quiet tone as sound.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

WIDTH, HEIGHT, RATE = 640, 360, 24
SHOT_FRAMES = 48
"""Two seconds a shot."""
PAN = 80
"""Pixels that the camera moves during a shot."""
BT709 = 1
"""Code point of ITU-T H.273, the same for primaries, transfer and matrix."""
LIMITED = 1
"""libav's AVCOL_RANGE_MPEG: luma 16…235."""
SAMPLE_RATE = 48_000
"""Audio samples per second."""
TONE_HZ, TONE_LEVEL = 220.0, 0.05


def grey_frames() -> Iterator[npt.NDArray[np.uint8]]:
    """(HEIGHT, WIDTH) limited-range luma of each frame."""
    for photo in (data.coffee(), data.chelsea(), data.rocket()):
        wide = _limited_luma(_cover(photo, WIDTH + PAN, HEIGHT))
        for index in range(SHOT_FRAMES):
            x = PAN * index / (SHOT_FRAMES - 1)
            shift = np.array([[1, 0, -x], [0, 1, 0]], dtype=np.float32)
            yield cv2.warpAffine(wide, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def _cover(photo: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """``photo`` scaled to fill ``width`` × ``height``, the middle of what is too much."""
    scale = max(width / photo.shape[1], height / photo.shape[0])
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    large = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def _limited_luma(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """BT.709 luma of R′G′B′, 16…235."""
    luma = rgb.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    return np.round(16 + luma * (219 / 255)).astype(np.uint8)


def write_film(path: Path) -> None:
    """Encode the frames as H.264 with neutral chroma, and the tone as AAC."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "16"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        count = 0
        for luma in grey_frames():
            neutral = np.full((HEIGHT // 2, WIDTH), 128, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, neutral]), format="yuv420p")
            frame.pts, frame.time_base = count, Fraction(1, RATE)
            container.mux(video.encode(frame))
            count += 1
        container.mux(video.encode(None))
        for sound in _tone(count / RATE):
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = (TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32)
    for begin in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, begin
        frame.time_base = Fraction(1, SAMPLE_RATE)
        yield frame


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    write_film(output)
    print(f"{output}: {3 * SHOT_FRAMES} frames, {WIDTH}×{HEIGHT}")


if __name__ == "__main__":
    main()
