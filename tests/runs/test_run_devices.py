"""What a run says of the devices that it found."""

import pytest

from runs import devices

TITAN = 'device: 0, name: TITAN X (Pascal), pci bus id: 0000:01:00.0, compute capability: 6.1'
AMPERE = 'device: 0, name: NVIDIA A100, pci bus id: 0000:01:00.0, compute capability: 8.0'


@pytest.fixture
def machine(monkeypatch):
    """A function that sets the image, the GPUs and what is loaded; returns the lines."""
    def lines(image, gpus=(), versions=None, given=False):
        monkeypatch.setattr(devices, 'GPU_DEVICE', '/dev/null' if given else '/dev/nowhere')
        monkeypatch.delenv('GAS_TF_IMAGE', raising=False)
        if image:
            monkeypatch.setenv('GAS_TF_IMAGE', image)
        monkeypatch.setattr(devices, '_descriptions', lambda: list(gpus))
        monkeypatch.setattr(devices.cuda, 'loaded_versions', lambda: versions or {})
        monkeypatch.setattr(devices, 'usable_cores', lambda: 2)
        names = ['CPU:0', 'XLA_CPU:0', 'XLA_GPU:0'][:3 if gpus else 2] + ['GPU:%d' % i for i in range(len(gpus))]
        return devices.lines(names)
    return lines


def test_outside_an_image_and_without_a_gpu_there_is_nothing_to_say(machine):
    assert machine(None) == []


def test_the_papers_gpu(machine):
    assert machine('literal', [TITAN], {'CUDA': '10.1', 'cuDNN': '7.5.1'}) == [
        'image: literal', TITAN,
        'loaded: CUDA 10.1, cuDNN 7.5.1 (the paper: Titan X Pascal, CUDA 10.1, cuDNN 7.5.1)']
    # Not in an image, but there is something to say.
    assert machine(None, [TITAN, TITAN], {'CUDA': '10.1'})[2].startswith('loaded: CUDA 10.1, cuDNN none (')


def test_falling_back_to_the_cpu_is_said(machine):
    lines = machine('gpu')
    assert lines[1] == 'device: no GPU, so the CPU (2 cores): docker run --gpus all gives the container one'
    assert lines[2].startswith('loaded: CUDA none, cuDNN none (')
    # One that was given, but that TensorFlow does not take.
    assert machine('gpu', given=True)[1].endswith('TF_CPP_MIN_LOG_LEVEL=0 shows why TensorFlow does not take it')


def test_the_cpu_image_asks_for_no_gpu(machine):
    assert machine('cpu')[1] == 'device: the CPU (2 cores); this image is for the CPU'


def test_a_gpu_newer_than_cuda_10_is_warned_of(machine):
    assert any(line.startswith('warning: CUDA 10 ') for line in machine('gpu', [AMPERE], {'CUDA': '10.1'}))
    for gpu, version in ((AMPERE, '12.1'), (TITAN, '10.1')):
        assert not any(line.startswith('warning') for line in machine(None, [gpu], {'CUDA': version}))
