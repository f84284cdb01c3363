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

# --- literal: TensorFlow built for the paper's own CUDA 10.1 and cuDNN 7.5.1 ---
# Hours on many cores; not built by this project's tests.
FROM cuda AS tensorflow-build
ARG CUDNN_751_SHA256=2c833f43c9147d9a25a20947a4c5a5f5c33b2443240fd767f63b330c482e68e0
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential git unzip zip \
    cuda-toolkit-10-1=10.1.243-1 libcublas-dev=10.2.1.243-1 \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSLo cudnn.tgz https://developer.download.nvidia.com/compute/redist/cudnn/v7.5.1/cudnn-10.1-linux-x64-v7.5.1.10.tgz \
 && echo "${CUDNN_751_SHA256}  cudnn.tgz" | sha256sum --check - \
 && tar --no-same-owner -C /usr/local/cuda-10.1 --strip-components=1 -xzf cudnn.tgz && rm cudnn.tgz
RUN curl -fsSLo bazel.sh https://github.com/bazelbuild/bazel/releases/download/0.26.1/bazel-0.26.1-installer-linux-x86_64.sh \
 && bash bazel.sh && rm bazel.sh
RUN python3.7 -m pip install --no-cache-dir numpy==1.18.5 six==1.17.0 wheel==0.42.0 \
    Keras-Applications==1.0.8 Keras-Preprocessing==1.1.2 \
 && git clone --depth 1 --branch v1.15.5 https://github.com/tensorflow/tensorflow /tensorflow
WORKDIR /tensorflow
ENV PYTHON_BIN_PATH=/usr/bin/python3.7 USE_DEFAULT_PYTHON_LIB_PATH=1 \
    TF_NEED_CUDA=1 TF_CUDA_VERSION=10.1 TF_CUDNN_VERSION=7 TF_CUDA_PATHS=/usr,/usr/local/cuda-10.1 \
    TF_CUDA_COMPUTE_CAPABILITIES=6.1 TF_ENABLE_XLA=1 TF_NEED_ROCM=0 TF_NEED_OPENCL_SYCL=0 TF_NEED_MPI=0 \
    TF_CUDA_CLANG=0 TF_NEED_TENSORRT=0 TF_SET_ANDROID_WORKSPACE=0 \
    GCC_HOST_COMPILER_PATH=/usr/bin/gcc CC_OPT_FLAGS=-march=native
RUN ./configure && bazel build --config=opt --config=cuda //tensorflow/tools/pip_package:build_pip_package \
 && bazel-bin/tensorflow/tools/pip_package/build_pip_package /wheel

FROM cuda AS literal
WORKDIR /gas-tf
COPY --from=tensorflow-build /usr/local/cuda-10.1/lib64/libcudnn.so* /usr/local/cuda-10.1/lib64/
COPY --from=tensorflow-build /wheel /wheel
COPY requirements.txt ./
RUN python3.7 -m pip install --no-cache-dir --no-deps -r requirements.txt \
 && python3.7 -m pip install --no-cache-dir --no-deps --force-reinstall /wheel/*.whl
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=literal PYTHONUNBUFFERED=1 LD_LIBRARY_PATH=/usr/local/cuda-10.1/lib64
RUN if [ -n "${MNIST}" ]; then python3.7 -m gas_tf.data mnist; fi
CMD ["python", "-m", "gas_tf.run", "--list"]

# --- gpu: the stock wheel on CUDA 10.1 -----------------------------------------
# That wheel asks for CUDA 10.0's names and was compiled for cuDNN 7.6: links in a
# folder of their own lead to 10.1's libraries, whose interfaces are the same, and
# cuDNN is 7.6.5, where the paper had 7.5.1.
FROM cuda AS gpu
WORKDIR /gas-tf
RUN curl -fsSLo cudnn.tgz https://developer.download.nvidia.com/compute/redist/cudnn/v7.6.5/cudnn-10.1-linux-x64-v7.6.5.32.tgz \
 && tar --no-same-owner -C /usr/local/cuda-10.1 --strip-components=1 --wildcards -xzf cudnn.tgz 'cuda/lib64/libcudnn.so*' \
 && rm cudnn.tgz
RUN mkdir /opt/cuda-10.0-names && cd /opt/cuda-10.0-names \
 && ln -s /usr/local/cuda-10.1/lib64/libcudart.so.10.1 libcudart.so.10.0 \
 && ln -s /usr/lib/x86_64-linux-gnu/libcublas.so.10 libcublas.so.10.0 \
 && for name in cufft curand cusolver cusparse; do \
        ln -s /usr/local/cuda-10.1/lib64/lib$name.so.10 lib$name.so.10.0; done \
 && ln -s /usr/local/cuda-10.1/extras/CUPTI/lib64/libcupti.so.10.1 libcupti.so.10.0 \
 && for link in *; do test -e "$link"; done
COPY requirements.txt ./
RUN python3.7 -m pip install --no-cache-dir --no-deps -r requirements.txt
COPY . ./
ARG COMMIT=unknown
ARG MNIST=
ENV GAS_TF_COMMIT=${COMMIT} GAS_TF_IMAGE=gpu PYTHONUNBUFFERED=1 \
    LD_LIBRARY_PATH=/opt/cuda-10.0-names:/usr/local/cuda-10.1/lib64
RUN if [ -n "${MNIST}" ]; then python3.7 -m gas_tf.data mnist; fi
RUN python3.7 -m pytest -q -p no:cacheprovider tests/ppo tests/gas_tf/test_gas_layers.py tests/gas_tf/test_gas_objectives.py
CMD ["python", "-m", "gas_tf.run", "--list"]
