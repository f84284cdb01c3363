"""What TensorFlow computes on."""

import os
import re

import tensorflow.compat.v1 as tf

from runs import cuda, determinism
from runs.errors import UserError
from runs.threads import usable_cores

PAPER = 'the paper: Titan X Pascal, CUDA 10.1, cuDNN 7.5.1'
GPU_DEVICE = '/dev/nvidiactl'  # which a container has only when it was given a GPU
NEWEST = 7.5  # compute capability that CUDA 10 knows


def told(display, require_gpu):
    """The devices' names, as `found`, after what there is to say of them.

    Raises:
      UserError: `require_gpu` and there is no GPU.
    """
    names = found()
    for line in lines(names):
        display.line(line)
    if require_gpu and not _gpus(names):
        raise UserError(
            'TensorFlow sees no GPU (it sees %s): leave out --require-gpu to '
            'compute on the CPU' % ', '.join(names))
    return names


def found():
    """Names of the devices, such as 'CPU:0'.

    The question starts TensorFlow's thread pools, so it goes through the
    session that fixes them.
    """
    with tf.Graph().as_default() as graph:
        with determinism.new_session(graph) as session:
            return [device.name.rsplit('device:', 1)[-1]
                    for device in session.list_devices()]


def lines(names):
    """What a run in an image, or with a GPU, says of its devices at the start.

    Args:
      names: as `found` gives them.

    Returns:
      List of lines; none for a run on the CPU outside an image.
    """
    image = os.environ.get('GAS_TF_IMAGE')
    gpus = _gpus(names)
    if not image and not gpus:
        return []
    said = ['image: %s' % image] if image else []
    cores = 'the CPU (%d cores)' % usable_cores()
    descriptions = _descriptions() if gpus else []  # asking loads the libraries
    versions = cuda.loaded_versions()
    if gpus:
        said += descriptions
        for text in descriptions:
            capability = re.search(r'compute capability: ([\d.]+)', text)
            if (versions.get('CUDA', '').startswith('10.')
                    and capability and float(capability.group(1)) > NEWEST):
                said.append('warning: CUDA 10 does not know this GPU; README, '
                            '"The image", names what does')
    elif image == 'cpu':
        said.append('device: %s; this image is for the CPU' % cores)
    else:
        visible = os.path.exists(GPU_DEVICE)
        said.append('device: no GPU, so %s: %s' % (
            cores, 'TF_CPP_MIN_LOG_LEVEL=0 shows why TensorFlow does not take it'
            if visible else 'docker run --gpus all gives the container one'))
    said.append('loaded: %s (%s)' % (', '.join(
        '%s %s' % (name, versions.get(name, 'none'))
        for name in ('CUDA', 'cuDNN')), PAPER))
    return said


def _gpus(names):
    return [name for name in names if name.startswith('GPU:')]


def _descriptions():
    """TensorFlow's own lines: 'device: 0, name: TITAN X (Pascal), ...'."""
    from tensorflow.python.client import device_lib
    return [device.physical_device_desc for device in
            device_lib.list_local_devices(determinism.session_config())
            if device.device_type == 'GPU']
