"""The CUDA and cuDNN libraries that this process has really loaded."""

import ctypes
import re

LIBRARY = re.compile(r"/lib(cuda|cudart|cudnn|cublas|cufft|curand|cusolver|cusparse|nccl)\w*(-[0-9a-f]+)?\.so")


def loaded_libraries():
    """Their paths, sorted."""
    try:
        with open("/proc/self/maps", errors="replace") as file:
            fields = [line.split(None, 5) for line in file]
    except OSError:
        return []
    return sorted({field[5].strip() for field in fields if len(field) == 6 and LIBRARY.search(field[5])})


def loaded_versions(paths=None):
    """{"CUDA": "10.1", "cuDNN": "7.6.5"}, as the loaded libraries say of themselves.

    What is not loaded is left out. paths: of the libraries; None: `loaded_libraries()`.
    """
    versions = {}
    for path in loaded_libraries() if paths is None else paths:
        name = path.rsplit("/", 1)[-1]
        if name.startswith("libcudart"):
            number = ctypes.c_int()
            if ctypes.CDLL(path).cudaRuntimeGetVersion(ctypes.byref(number)) == 0:
                versions["CUDA"] = "{}.{}".format(number.value // 1000, number.value % 1000 // 10)
        elif name.startswith("libcudnn.so"):  # not its parts, such as libcudnn_ops
            get = ctypes.CDLL(path).cudnnGetVersion
            get.restype = ctypes.c_size_t
            number = get()
            major = 10000 if number >= 90000 else 1000  # 7605 is 7.6.5, 90100 is 9.1.0
            versions["cuDNN"] = "{}.{}.{}".format(number // major, number % major // 100, number % 100)
    return versions
