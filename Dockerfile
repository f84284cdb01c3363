# docker build -t gas-tf .                  the GPU image: CUDA 10.1, cuDNN 7.6.5
# docker build -t gas-tf --target cpu .     for machines without a GPU
# docker build -t gas-tf --target literal . TensorFlow built for cuDNN 7.5.1
#
# --build-arg MNIST=1 downloads MNIST at build time, so that a run needs no
# network; --build-arg COMMIT=$(git rev-parse HEAD) lets records name the commit.

ARG BASE=python:3.7-slim-bookworm
ARG GPU_BASE=ubuntu:18.04

# --- cpu ---------------------------------------------------------------------
FROM ${BASE} AS cpu
WORKDIR /gas-tf
COPY requirements.txt ./
RUN python3.7 -m pip install --no-cache-dir pip==24.0 setuptools==68.0.0 wheel==0.42.0 \
 && python3.7 -m pip install --no-cache-dir --no-deps -r requirements.txt
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=cpu PYTHONUNBUFFERED=1
RUN if [ -n "${MNIST}" ]; then python3.7 -m gas_tf.data mnist; fi
# The fast tests: an image that builds is one that works.
RUN python3.7 -m pytest -q -p no:cacheprovider tests/ppo tests/gas_tf/test_gas_layers.py tests/gas_tf/test_gas_objectives.py
CMD ["python", "-m", "gas_tf.run", "--list"]

# --- what both GPU images stand on: CUDA 10.1.243 from NVIDIA's repository ----
# NVIDIA's own images of CUDA 10 are gone, so this one starts from Ubuntu 18.04.
FROM ${GPU_BASE} AS cuda
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl gnupg python3.7 python3.7-dev python3.7-venv \
 && curl -fsSLO https://developer.download.nvidia.com/compute/cuda/repos/ubuntu1804/x86_64/cuda-keyring_1.0-1_all.deb \
 && dpkg -i cuda-keyring_1.0-1_all.deb && rm cuda-keyring_1.0-1_all.deb \
 && apt-get update \
 # No cuda-compat: on GeForce and Titan it ends in error 804.
 && apt-get install -y --no-install-recommends \
    cuda-cudart-10-1=10.1.243-1 cuda-libraries-10-1=10.1.243-1 cuda-cupti-10-1=10.1.243-1 libcublas10=10.2.1.243-1 \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSL https://bootstrap.pypa.io/pip/3.7/get-pip.py | python3.7 - pip==24.0 setuptools==68.0.0 wheel==0.42.0 \
 && ln -sf /usr/bin/python3.7 /usr/local/bin/python
# `docker run --gpus all` gives the container what these ask for.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility NVIDIA_REQUIRE_CUDA="cuda>=10.1"
