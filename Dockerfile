# CPU:   docker build -t vidcolor .
# CUDA:  docker build -t vidcolor:cuda --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 .
#
# Colour a film in the present folder:
#        docker run --rm -v "$PWD:/films" vidcolor run old_film.mp4
# With a GPU add --gpus all. Files are written as user 1000; --user "$(id -u):$(id -g)" changes it.
#
# Each step below is one command that can also be run by hand, in this order, on a fresh machine.

ARG BASE=python:3.11-slim
FROM ${BASE}

# OpenCV loads libGL and GLib; a CUDA base brings no Python, the Python base its own.
RUN apt-get update
RUN apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libxcb1
RUN command -v python3 || apt-get install --yes --no-install-recommends python3 python3-venv
RUN rm -rf /var/lib/apt/lists/*

RUN python3 -m venv /opt/vidcolor
ENV PATH=/opt/vidcolor/bin:$PATH

COPY pyproject.toml README.md LICENSE /src/
COPY vidcolor /src/vidcolor
COPY pipelines /src/pipelines
COPY checkpoints /src/checkpoints
RUN pip install --no-cache-dir /src
RUN vidcolor checkpoints verify

# A hostile film meets native decoders: not as root. The bases differ in who has uid 1000 already.
RUN id -u 1000 || useradd --uid 1000 --create-home film
USER 1000
ENV HOME=/tmp
WORKDIR /films
ENTRYPOINT ["vidcolor"]
CMD ["--help"]
