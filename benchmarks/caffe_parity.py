"""ECCV16 as we import it against OpenCV's own reader of Caffe models.

    python benchmarks/caffe_parity.py [--seed 0]

Writes a ``.caffemodel`` like colorization_release_v2 with random weights and the prototxt that
goes with it, lets OpenCV compute ab of random pictures, imports the same file, and prints how far
the two are apart. OpenCV dropped its reader in version 5, so that version 4 is installed in a
virtual environment of its own, in a temporary folder; that needs a package index.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
from common import machine, print_table

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.models.caffe_files import CaffeLayers, eccv16_layers, write_caffemodel

SIZES = ((224, 224), (256, 256), (160, 248))
"""Height and width of the pictures; the first is Caffe's."""

OPENCV = "opencv-python-headless<5"
"""The last major version that reads Caffe models."""

CHILD = """
import sys
import cv2, numpy as np
folder = sys.argv[1]
net = cv2.dnn.readNetFromCaffe(f"{folder}/net.prototxt", f"{folder}/net.caffemodel")
table = np.load(f"{folder}/bins.npy")
def fill(name, blob):
    net.getLayer(net.getLayerId(name)).blobs = [blob.astype(np.float32)]
fill("class8_ab", table.T.reshape(2, 313, 1, 1))
fill("conv8_313_rh", np.full((1, 313), 2.606))
for path in sys.argv[2:]:
    net.setInput(np.load(path) - np.float32(50))
    np.save(path.replace("L.npy", "ab.npy"), net.forward())
print(cv2.__version__)
"""
"""What runs in the other environment: the usual way to run this network in OpenCV."""


def prototxt(layers: CaffeLayers) -> str:
    """The network's description, of the layers' names and shapes."""
    parts = [
        'name: "net"\ninput: "data_l"\ninput_dim: 1\ninput_dim: 1\ninput_dim: 224\ninput_dim: 224\n'
    ]
    bottom = "data_l"

    def add(name: str, kind: str, settings: str = "") -> None:
        nonlocal bottom
        parts.append(
            f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" '
            f"{settings} }}\n"
        )
        bottom = name

    for name, (kind, blobs) in layers.items():
        if kind == "BatchNorm":
            add(name, kind, "batch_norm_param { use_global_stats: true }")
        elif kind == "Scale":
            add(name, kind, "scale_param { bias_term: false }")
            add("class8_313_rh", "Softmax")
        else:
            add(name, kind, f"convolution_param {{ {convolution(name, kind, blobs)} }}")
            if name.startswith(("bw_", "conv")) and name != "conv8_313":
                add(f"relu_{name}", "ReLU")
    return "".join(parts)


def convolution(name: str, kind: str, blobs: list[np.ndarray]) -> str:
    """Caffe's parameters of one convolution."""
    weight = blobs[0]
    outputs, side = weight.shape[1 if kind == "Deconvolution" else 0], weight.shape[2]
    dilation = 2 if name.startswith(("conv5", "conv6")) else 1
    stride = 2 if name in ("conv1_2", "conv2_2", "conv3_3", "conv8_1") else 1
    pad = {1: 0, 3: dilation, 4: 1}[side]
    bias = "true" if len(blobs) == 2 else "false"
    return (
        f"num_output: {outputs} kernel_size: {side} stride: {stride} pad: {pad} "
        f"dilation: {dilation} bias_term: {bias}"
    )


def by_opencv(folder: Path, inputs: list[Path]) -> str:
    """Let OpenCV write ``*ab.npy`` beside each of ``inputs``; returns its version."""
    environment = folder / "opencv4"
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", OPENCV, "numpy"], check=True)
    done = subprocess.run(
        [python, "-c", CHILD, str(folder), *map(str, inputs)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.split()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import torch

    from vidcolor.models.bins import AB_BINS
    from vidcolor.models.checkpoint import load_checkpoint
    from vidcolor.models.importing import import_weights

    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    rng = np.random.default_rng(options.seed)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layers = eccv16_layers(options.seed)
        write_caffemodel(folder / "net.caffemodel", layers)
        (folder / "net.prototxt").write_text(prototxt(layers))
        np.save(folder / "bins.npy", AB_BINS.numpy())
        inputs = []
        for height, width in SIZES:
            inputs.append(folder / f"{height}x{width}_L.npy")
            np.save(inputs[-1], rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32))
        version = by_opencv(folder, inputs)
        import_weights(folder / "net.caffemodel", folder / "net.safetensors")
        network = load_checkpoint(folder / "net.safetensors").network
        for path, (height, width) in zip(inputs, SIZES, strict=True):
            with torch.inference_mode():
                ours = network(torch.from_numpy(np.load(path))).ab.numpy()
            theirs = np.load(str(path).replace("L.npy", "ab.npy"))
            assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
            difference = np.abs(ours - theirs)
            spread = theirs.std(axis=(0, 2, 3)).min()
            rows.append(
                [
                    f"{width}×{height}",
                    f"{theirs.min():.1f} … {theirs.max():.1f}",
                    f"{spread:.2f}",
                    f"{difference.max():.2g}",
                    f"{difference.mean():.2g}",
                ]
            )
    print(f"OpenCV {version}, seed {options.seed}; CIE units of ab\n")
    print_table(["L", "ab", "spread of ab", "largest difference", "mean difference"], rows)


if __name__ == "__main__":
    main()
