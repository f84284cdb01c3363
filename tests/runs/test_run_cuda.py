"""Which CUDA and cuDNN a process has loaded, by libraries that only say their version."""

import ctypes
import shutil
import subprocess

import pytest

from runs import cuda

SOURCE = """
#include <stddef.h>
int cudaRuntimeGetVersion(int *version) { *version = %d; return 0; }
size_t cudnnGetVersion(void) { return %d; }
"""


@pytest.mark.parametrize("path, is_cuda", [
    ("/usr/local/cuda-10.1/lib64/libcudart.so.10.1.243", True), ("/opt/shim/libcudart.so.10.0", True),
    ("/usr/lib/x86_64-linux-gnu/libcudnn.so.7.6.5", True), ("/x/nvidia/cudnn/lib/libcudnn_ops.so.9", True),
    ("/usr/lib/libcuda.so.1", True), ("/usr/lib/libc.so.6", False), ("/usr/lib/libcurl.so.4", False)])
def test_which_libraries_are_cuda(path, is_cuda):
    assert bool(cuda.LIBRARY.search(path)) == is_cuda


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("runtime, cudnn, expected", [
    (10010, 7605, {"CUDA": "10.1", "cuDNN": "7.6.5"}), (10000, 7501, {"CUDA": "10.0", "cuDNN": "7.5.1"}),
    (12040, 90100, {"CUDA": "12.4", "cuDNN": "9.1.0"}), (11080, 8902, {"CUDA": "11.8", "cuDNN": "8.9.2"})])
def test_the_libraries_are_asked_for_their_versions(tmp_path, runtime, cudnn, expected):
    source = tmp_path / "libraries.c"
    source.write_text(SOURCE % (runtime, cudnn))
    before, paths = cuda.loaded_libraries(), []
    # A library of another folder under the same name is another library.
    for name in ("libcudart.so.10.0", "libcudnn.so.7"):
        paths.append(str(tmp_path / name))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", paths[-1], str(source)], check=True)
        ctypes.CDLL(paths[-1])
    assert sorted(set(cuda.loaded_libraries()) - set(before)) == paths
    assert cuda.loaded_versions(paths) == expected


def test_nothing_loaded_has_no_version():
    assert cuda.loaded_versions([]) == {}
