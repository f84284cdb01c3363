# docker build -t gas-tf .                    GPU: CUDA 10.1, cuDNN 7.6.5
# docker build -t gas-tf --target cpu .       for machines without a GPU
# docker build -t gas-tf --target literal .   TensorFlow built for cuDNN 7.5.1
#
# --build-arg COMMIT=...                      lets records name the commit: see README.md
# --build-arg MNIST=1                         brings MNIST in: runs need no network
#
# Needs BuildKit (Docker's default since 23) or buildah, which leave out the stages
# that a target does not need: one of them compiles TensorFlow for hours.

ARG BASE=docker.io/library/python:3.7-slim-bookworm
ARG GPU_BASE=docker.io/library/ubuntu:18.04

# --- cpu ---------------------------------------------------------------------
FROM ${BASE} AS cpu
WORKDIR /gas-tf
COPY requirements.txt ./
RUN python3.7 -m pip install --no-cache-dir pip==24.0 setuptools==68.0.0 wheel==0.42.0 \
 && python3.7 -m pip install --no-cache-dir --no-deps -r requirements.txt
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=cpu
RUN sh tests/image/in_the_build.sh "${MNIST}"
CMD ["python", "-m", "gas_tf.run", "--list"]

# --- cuda: what both GPU images stand on ---------------------------------------
# NVIDIA's own images of CUDA 10 are gone from the registries: Ubuntu 18.04 and
# CUDA 10.1.243 from NVIDIA's packages.  No cuda-compat: on GeForce and Titan it
# ends in error 804.
FROM ${GPU_BASE} AS cuda
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
        ca-certificates curl gnupg python3.7 python3.7-dev python3.7-venv python3-distutils \
 && curl -fsSLO https://developer.download.nvidia.com/compute/cuda/repos/ubuntu1804/x86_64/cuda-keyring_1.0-1_all.deb \
 && dpkg -i cuda-keyring_1.0-1_all.deb && rm cuda-keyring_1.0-1_all.deb \
 && apt-get update \
 && apt-get install -y --no-install-recommends \
        cuda-cudart-10-1=10.1.243-1 cuda-libraries-10-1=10.1.243-1 cuda-cupti-10-1=10.1.243-1 \
        libcublas10=10.2.1.243-1 \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSLO https://bootstrap.pypa.io/pip/3.7/get-pip.py \
 && python3.7 get-pip.py --no-cache-dir pip==24.0 setuptools==68.0.0 wheel==0.42.0 && rm get-pip.py \
 && ln -s /usr/bin/python3.7 /usr/local/bin/python
# What `docker run --gpus all` gives the container; Python's text is UTF-8.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_REQUIRE_CUDA="cuda>=10.1" LANG=C.UTF-8

# --- literal: TensorFlow built for the paper's CUDA 10.1 and cuDNN 7.5.1 --------
# Hours on many cores.  Not built by this project's tests.  -mavx as in the wheels
# of the package index; compute capability 6.1 is the paper's Titan X Pascal.
FROM cuda AS tensorflow-build
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential git unzip zip \
        cuda-toolkit-10-1=10.1.243-1 libcublas-dev=10.2.1.243-1 \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSLo cudnn.tgz https://developer.download.nvidia.com/compute/redist/cudnn/v7.5.1/cudnn-10.1-linux-x64-v7.5.1.10.tgz \
 && echo "2c833f43c9147d9a25a20947a4c5a5f5c33b2443240fd767f63b330c482e68e0  cudnn.tgz" | sha256sum --check - \
 && tar --no-same-owner -C /usr/local/cuda-10.1 --strip-components=1 -xzf cudnn.tgz && rm cudnn.tgz
RUN curl -fsSLo bazel.sh https://github.com/bazelbuild/bazel/releases/download/0.26.1/bazel-0.26.1-installer-linux-x86_64.sh \
 && bash bazel.sh && rm bazel.sh
RUN python3.7 -m pip install --no-cache-dir --no-deps numpy==1.18.5 six==1.17.0 wheel==0.42.0 \
        Keras-Applications==1.0.8 Keras-Preprocessing==1.1.2 h5py==2.10.0 \
 && git clone --depth 1 --branch v1.15.5 https://github.com/tensorflow/tensorflow /tensorflow
WORKDIR /tensorflow
ENV PYTHON_BIN_PATH=/usr/bin/python3.7 USE_DEFAULT_PYTHON_LIB_PATH=1 \
    TF_NEED_CUDA=1 TF_CUDA_VERSION=10.1 TF_CUDNN_VERSION=7 TF_CUDA_PATHS=/usr,/usr/local/cuda-10.1 \
    TF_CUDA_COMPUTE_CAPABILITIES=6.1 TF_ENABLE_XLA=1 TF_NEED_ROCM=0 TF_NEED_OPENCL_SYCL=0 TF_NEED_MPI=0 \
    TF_CUDA_CLANG=0 TF_NEED_TENSORRT=0 TF_SET_ANDROID_WORKSPACE=0 \
    GCC_HOST_COMPILER_PATH=/usr/bin/gcc CC_OPT_FLAGS=-mavx
RUN ./configure && bazel build --config=opt --config=cuda //tensorflow/tools/pip_package:build_pip_package \
 && bazel-bin/tensorflow/tools/pip_package/build_pip_package /wheel

FROM cuda AS literal
WORKDIR /gas-tf
COPY --from=tensorflow-build /usr/local/cuda-10.1/lib64/libcudnn.so.7 /usr/local/cuda-10.1/lib64/
COPY requirements.txt ./
RUN --mount=type=bind,from=tensorflow-build,source=/wheel,target=/wheel \
    grep -v '^tensorflow==' requirements.txt > without.txt \
 && python3.7 -m pip install --no-cache-dir --no-deps -r without.txt /wheel/*.whl && rm without.txt
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=literal \
    LD_LIBRARY_PATH=/usr/local/cuda-10.1/lib64:/usr/local/cuda-10.1/extras/CUPTI/lib64
RUN sh tests/image/in_the_build.sh "${MNIST}"
CMD ["python", "-m", "gas_tf.run", "--list"]

# --- gpu: the stock wheel on CUDA 10.1 (last, so the default) --------------------
# The wheel asks for the libraries by CUDA 10.0's names and was compiled for cuDNN
# 7.6.  Links in a folder of their own lead from those names to CUDA 10.1's
# libraries, which have the same interfaces; cuDNN is 7.6.5, the paper's was 7.5.1.
FROM cuda AS gpu
WORKDIR /gas-tf
RUN curl -fsSLo cudnn.tgz https://developer.download.nvidia.com/compute/redist/cudnn/v7.6.5/cudnn-10.1-linux-x64-v7.6.5.32.tgz \
 && echo "7eaec8039a2c30ab0bc758d303588767693def6bf49b22485a2c00bf2e136cb3  cudnn.tgz" | sha256sum --check - \
 && tar --no-same-owner -C /usr/local/cuda-10.1 --strip-components=1 -xzf cudnn.tgz \
        --wildcards 'cuda/lib64/libcudnn.so*' \
 && rm cudnn.tgz
RUN mkdir /opt/cuda-10.0-names && cd /opt/cuda-10.0-names \
 && ln -s /usr/local/cuda-10.1/lib64/libcudart.so.10.1 libcudart.so.10.0 \
 && ln -s /usr/lib/x86_64-linux-gnu/libcublas.so.10 libcublas.so.10.0 \
 && for name in cufft curand cusolver cusparse; do \
        ln -s /usr/local/cuda-10.1/lib64/lib$name.so.10 lib$name.so.10.0; done \
 && ln -s /usr/local/cuda-10.1/extras/CUPTI/lib64/libcupti.so.10.1 libcupti.so.10.0 \
 && for link in *; do test -e "$link" || exit 1; done
COPY requirements.txt ./
# The package `tensorflow` is for the CPU alone from 1.15.2 on.
RUN sed 's/^tensorflow==/tensorflow-gpu==/' requirements.txt > gpu.txt \
 && python3.7 -m pip install --no-cache-dir --no-deps -r gpu.txt && rm gpu.txt
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=gpu \
    LD_LIBRARY_PATH=/opt/cuda-10.0-names:/usr/local/cuda-10.1/lib64
RUN sh tests/image/in_the_build.sh "${MNIST}"
CMD ["python", "-m", "gas_tf.run", "--list"]
