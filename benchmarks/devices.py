"""The device a job runs on, as far as timing and memory need to know it."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Device(ABC):
    """What a measurement has to do around a computation.

    Attributes
    ----------
    kind : str
        ``cpu`` or ``cuda``.
    name : str
        Model of the GPU, empty on the CPU.
    """

    kind: str
    name: str

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until what was asked of the device is done."""

    @abstractmethod
    def reset_peak(self) -> None:
        """Forget the memory high-water mark."""

    @abstractmethod
    def peak_mib(self) -> float | None:
        """Return the high-water mark of the device's own memory, None where it has none."""


class Cpu(Device):
    """The processor: nothing to wait for, no memory of its own."""

    kind = "cpu"
    name = ""

    def synchronize(self) -> None:
        """Do nothing: calls return when they are done."""

    def reset_peak(self) -> None:
        """Do nothing."""

    def peak_mib(self) -> float | None:
        """Return None: resident memory is measured instead."""
        return None


class Cuda(Device):
    """A CUDA device through PyTorch.

    Parameters
    ----------
    device : str
        ``cuda`` or ``cuda:N``.

    Raises
    ------
    RuntimeError
        When PyTorch sees no such device.
    """

    kind = "cuda"

    def __init__(self, device: str) -> None:
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError(f"device {device!r} was asked for, but PyTorch sees no CUDA device")
        self._torch = torch
        self._device = torch.device(device)
        self.name = torch.cuda.get_device_name(self._device)

    def synchronize(self) -> None:
        """Wait for all queued kernels."""
        self._torch.cuda.synchronize(self._device)

    def reset_peak(self) -> None:
        """Forget the high-water mark of PyTorch's allocator."""
        self._torch.cuda.reset_peak_memory_stats(self._device)

    def peak_mib(self) -> float | None:
        """Return the high-water mark of PyTorch's allocator in MiB."""
        return self._torch.cuda.max_memory_allocated(self._device) / 2**20


def open_device(name: str) -> Device:
    """Return the device of that name.

    Raises
    ------
    RuntimeError
        When it is not there.
    """
    return Cpu() if name == "cpu" else Cuda(name)
