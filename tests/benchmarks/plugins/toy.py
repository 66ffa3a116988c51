"""A dataset that needs no file and backends that misbehave in known ways, named by configs of the tests."""

import _thread
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from adapters.interface import Adapter, DifferentiableAdapter, Gradients, Registration
from datasets.base import Dataset
from datasets.pair import Pair, PairInfo

SHIFT_MM = (3.0, -2.0)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NoParams:
    """No parameters."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DatasetParams:
    """Parameters of the toy dataset."""

    count: int = 2


def blobs(shift):
    rows, columns = np.mgrid[0:32, 0:40].astype(np.float64)
    image = np.zeros((32, 40))
    for row, column, width in ((10, 12, 4), (20, 25, 5), (14, 30, 3)):
        distance = (rows - row - shift[1]) ** 2 + (columns - column - shift[0]) ** 2
        image += np.exp(-distance / (2 * width**2))
    return image


class ToyDataset(Dataset):
    """Blobs, moved by a known translation."""

    name = "toy"
    Params = DatasetParams
    choosing = ("count",)
    version = "1"
    description = "Three Gaussian blobs and their translation."

    def fetch(self, request):
        pass

    def pairs(self):
        return tuple(PairInfo(f"blobs-{n}", 2, (f"s{n}",), "translation") for n in range(self.params.count))

    def load(self, pair_id):
        info = {pair.pair_id: pair for pair in self.pairs()}[pair_id]
        fixed, moving = blobs((0, 0)), blobs(SHIFT_MM)
        return Pair(
            info,
            sitk.GetImageFromArray(fixed),
            sitk.GetImageFromArray(moving),
            fixed_mask=sitk.GetImageFromArray((fixed > 0.05).astype(np.uint8)),
            fixed_labels=sitk.GetImageFromArray((fixed > 0.5).astype(np.uint8)),
            moving_labels=sitk.GetImageFromArray((moving > 0.5).astype(np.uint8)),
            label_names={1: "blob"},
            true_transform=sitk.TranslationTransform(2, SHIFT_MM),
        )


class FetchedDataset(ToyDataset):
    """The same, complete once a file is in the cache, which fetching puts there."""

    name = "toy_fetched"
    description = "Blobs that were fetched."

    def complete(self):
        return (self.cache_root / "fetched").exists()

    def fetch(self, request):
        self.cache_root.mkdir(parents=True, exist_ok=True)
        (self.cache_root / "fetched").touch()


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AngleParams:
    """Parameters of the dataset of arrays."""

    angle_deg: float = 5.0


class FromArrays(ToyDataset):
    """Says of its pairs and labels what NumPy gave it."""

    name = "toy_from_arrays"
    Params = AngleParams
    version = np.str_("1")

    def pairs(self):
        angle = np.float64(self.params.angle_deg)
        kind = np.array(["translation"])[0]
        return (
            PairInfo(np.str_("blobs-0"), 2, ["s0"], kind, conditions={np.str_("start_rotation_deg"): angle}),
        )

    def load(self, pair_id):
        return dataclasses.replace(super().load(pair_id), label_names={1: np.str_("blob")})


class Toy(Adapter):
    """Base of the toy backends: knows the answer."""

    Params = NoParams
    dimensions = (2,)

    def prepare(self, problem, resources, seed):
        self.problem = problem

    def register(self):
        pass

    def result(self):
        return Registration(sitk.TranslationTransform(2, SHIFT_MM))


class Shift(Toy):
    name = "shift"


class Differentiable(DifferentiableAdapter, Toy):
    """Solves for the gain that brings the moving image's intensities to the fixed image's.

    The gain g minimises |g·m − f|² + n·(g − 2)²/4, so that the gradient through the solve differs from that at a
    constant gain.
    """

    name = "differentiable"

    def register(self):
        self.fixed, self.moving = (
            sitk.GetArrayFromImage(image).astype(np.float64)
            for image in (self.problem.fixed, self.problem.moving)
        )
        self.weight = self.fixed.size / 4
        self.curvature = np.sum(self.moving**2) + self.weight
        self.gain = (np.sum(self.moving * self.fixed) + 2 * self.weight) / self.curvature

    def loss(self):
        return float(np.mean((self.gain * self.moving - self.fixed) ** 2))

    def at_constant_gain(self):
        """By moving, by fixed, by gain."""
        by_warped = 2 * (self.gain * self.moving - self.fixed) / self.fixed.size
        return self.gain * by_warped, -by_warped, np.sum(by_warped * self.moving)

    def backward(self):
        moving, fixed, gain = self.at_constant_gain()
        moving += gain * (self.fixed - 2 * self.gain * self.moving) / self.curvature
        fixed += gain * self.moving / self.curvature
        return Gradients(moving, fixed, np.array([gain]))


class IgnoresTheSolve(Differentiable):
    """Its gradient is finite and not zero, but taken at a constant gain: it points elsewhere."""

    name = "ignores_the_solve"

    def backward(self):
        moving, fixed, gain = self.at_constant_gain()
        return Gradients(moving, fixed, np.array([gain]))


class TooLong(Differentiable):
    """Its gradient points the right way and is half as long again as it should be."""

    name = "too_long"

    def backward(self):
        right = super().backward()
        return Gradients(1.5 * right.moving, 1.5 * right.fixed, right.parameters)


class Jumps(Differentiable):
    """Its solve stops early, so that its loss is a staircase."""

    name = "jumps"

    def loss(self):
        return round(super().loss(), 4)


class FailsAgain(Differentiable):
    """Registers the pair it is given, but no other like it."""

    name = "fails_again"
    solves = 0

    def register(self):
        super().register()
        type(self).solves += 1
        if type(self).solves > 2:
            raise RuntimeError("enough")


class Raises(Toy):
    name = "raises"

    def register(self):
        raise RuntimeError("the optimiser\nlost its way")


class Exits(Toy):
    name = "exits"

    def register(self):
        sys.exit(3)


class ExitsAtOnce(Toy):
    name = "exits_at_once"

    def register(self):
        os._exit(0)


class Interrupts(Toy):
    name = "interrupts"

    def register(self):
        raise KeyboardInterrupt


class ClosesEverything(Toy):
    name = "closes_everything"

    def register(self):
        os.closerange(3, 1000)


class Mumbles(Toy):
    """Begins an answer in its process's name and goes no further."""

    name = "mumbles"

    def register(self):
        os.write(int(sys.argv[1]), b'{"record":')
        threading.Event().wait()


class Babbles(Toy):
    """Writes to its process's connection without end."""

    name = "babbles"

    def register(self):
        while True:
            os.write(int(sys.argv[1]), bytes(2**16))


class NotFinite(Toy):
    name = "not_finite"

    def result(self):
        field = sitk.GetImageFromArray(np.full((32, 40, 2), np.nan), isVector=True)
        return Registration(sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64)))


class WrongDimension(Toy):
    name = "wrong_dimension"

    def result(self):
        return Registration(sitk.TranslationTransform(3))


class WrongGrid(Toy):
    """A displacement field that forgot where its grid lies."""

    name = "wrong_grid"

    def result(self):
        field = sitk.GetImageFromArray(np.ones((32, 40, 2)), isVector=True)
        field.SetOrigin((1000.0, 1000.0))
        return Registration(sitk.DisplacementFieldTransform(field))


class Crashes(Toy):
    name = "crashes"

    def register(self):
        ctypes.string_at(0)


class Killed(Toy):
    name = "killed"

    def register(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Toy):
    name = "hangs"

    def register(self):
        threading.Event().wait()


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MarkParams:
    """Parameters of the backends that leave a mark."""

    mark: str = ""


class HangsOnce(Toy):
    """Tells the id of its process's parent through a named pipe and hangs; the second time it works."""

    name = "hangs_once"
    Params = MarkParams

    def register(self):
        try:
            Path(self.params.mark).touch(exist_ok=False)
        except FileExistsError:
            return
        Path(f"{self.params.mark}.pipe").write_text(str(os.getppid()))
        threading.Event().wait()


class Waits(Toy):
    """Tells through one pipe that it has begun, and waits for a word in another."""

    Params = MarkParams

    def register(self):
        Path(f"{self.params.mark}.begun").write_text("begun")
        Path(f"{self.params.mark}.go").read_text()


class KillsParent(Toy):
    """Counts its attempts in a file and kills the process that its own was started by."""

    name = "kills_parent"
    Params = MarkParams

    def register(self):
        with Path(self.params.mark).open("a") as file:
            file.write("x")
        os.kill(os.getppid(), signal.SIGKILL)
        threading.Event().wait()


class HangsInC(Toy):
    """Sleeps in a C function that keeps the interpreter's lock, so that no other thread of Python can run."""

    name = "hangs_in_c"

    def register(self):
        ctypes.PyDLL(None).sleep(1000)


def note(pid):
    """Tell the test of a process: the folder is in an environment variable."""
    (Path(os.environ["TOY_NOTES"]) / str(pid)).touch()


class TellsItsProcess(Toy):
    name = "tells_its_process"

    def register(self):
        note(os.getpid())


class LeavesChildren(Toy):
    """One child in the worker's session, one in a session of its own, one without the worker's environment."""

    name = "leaves_children"

    def register(self):
        for options in ({}, {"start_new_session": True}, {"env": {}}):
            note(subprocess.Popen(["sleep", "1000"], **options).pid)


class LeavesOrphan(Toy):
    """A process in a session of its own and without the worker's environment, whose parent has ended."""

    name = "leaves_orphan"

    def register(self):
        code = (
            "import subprocess as s\n"
            "print(s.Popen(['sleep', '1000'], stdout=s.DEVNULL, start_new_session=True, env={}).pid)"
        )
        note(int(subprocess.check_output([sys.executable, "-c", code])))


class HangsWithChildren(Toy):
    """Hangs in C, with a child in a session of its own."""

    name = "hangs_with_children"

    def register(self):
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        folder = Path(os.environ["TOY_NOTES"]) / "pids"
        for pid in (os.getpid(), child.pid):
            (folder / str(pid)).touch()
        ctypes.PyDLL(None).sleep(1000)


class LeavesChildrenAndCrashes(LeavesChildren):
    name = "leaves_children_and_crashes"

    def register(self):
        super().register()
        ctypes.string_at(0)


class Doubles(Toy):
    """Forks, and both processes come back."""

    name = "doubles"

    def register(self):
        pid = os.fork()
        if pid:
            note(pid)


class Allocates(Toy):
    name = "allocates"

    def register(self):
        held = []
        while True:
            held.append(b"x" * 2**22)


class AllocatesInCgroup(Allocates):
    """Allocates where the kernel itself sets a limit."""

    name = "allocates_in_cgroup"

    def register(self):
        (Path(os.environ["TOY_CGROUP"]) / "cgroup.procs").write_text(str(os.getpid()))
        super().register()


class AllocatesInChild(Toy):
    name = "allocates_in_child"

    def register(self):
        code = "held = []\nwhile True: held.append(b'x' * 2**22)"
        subprocess.run([sys.executable, "-c", code], check=False)


class LeavesThreads(Toy):
    """A thread that neither ends nor is a daemon: it would keep the process and take its time."""

    name = "leaves_threads"

    def register(self):
        threading.Thread(target=threading.Event().wait).start()
        note(os.getpid())


class LeavesNativeThread(Toy):
    """A thread that Python's list of threads does not have, and that never rests."""

    name = "leaves_native_thread"

    def register(self):
        _thread.start_new_thread(spin, ())
        note(os.getpid())


def spin():
    while True:
        pass


class Floods(Toy):
    name = "floods"

    def register(self):
        for _ in range(20):
            os.write(1, b"x" * 2**20)


class LittersAndCrashes(Toy):
    """Tells where it left a temporary file."""

    name = "litters_and_crashes"

    def register(self):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            (Path(os.environ["TOY_NOTES"]) / "litter").write_text(file.name)
        ctypes.string_at(0)


class LargeOnce(Toy):
    """Holds 300 MiB for a moment in the first job of a process, and next to nothing in the others."""

    name = "large_once"
    jobs = 0

    def register(self):
        if not type(self).jobs:
            np.ones(300 * 2**20, np.uint8)
        type(self).jobs += 1


class FloodsUntilStopped(Toy):
    """Prints without end, until somebody begins its log anew."""

    name = "floods_until_stopped"

    def register(self):
        size = 0
        while os.fstat(1).st_size >= size:
            size = os.fstat(1).st_size
            os.write(1, b"x" * 2**16)


class Wanders(Toy):
    """Leaves the folder in which it was started, forgets where temporary files go, and closes its output."""

    name = "wanders"

    def register(self):
        os.chdir(os.environ["TMPDIR"])
        del os.environ["TMPDIR"]
        sys.stdout.close()


class SpeechlessError(RuntimeError):
    """An error whose text cannot be told."""

    def __str__(self):
        raise SystemExit(self.args[0])


class Speechless(Toy):
    """Raises an error that raises another one when it is asked what it says."""

    name = "speechless"

    def register(self):
        raise SpeechlessError(3)


class SaysTheUnspeakable(Toy):
    """Raises an error that names a file whose name is no text."""

    name = "says_the_unspeakable"

    def register(self):
        Path(os.fsdecode(b"/nowhere/\xff")).read_text()


class TellsTheUnspeakable(Toy):
    """Returns statistics that hold names that are no text."""

    name = "tells_the_unspeakable"

    def result(self):
        return Registration(
            super().result().transform, statistics={os.fsdecode(b"\xfe"): os.fsdecode(b"\xff")}
        )


class TellsInfinities(Toy):
    """Returns costs and statistics that are no finite numbers, as a solver that diverged has them."""

    name = "tells_infinities"

    def result(self):
        return Registration(
            super().result().transform,
            statistics={"largest": np.float32("inf"), "costs": [1.0, float("nan")]},
            trace=((2.0, float("inf"), float("nan")), (1.0,)),
        )


class TellsWithoutEnd(Toy):
    """Returns statistics that hold themselves."""

    name = "tells_without_end"

    def result(self):
        statistics = {}
        statistics["again"] = statistics
        return Registration(super().result().transform, statistics=statistics)


class NotInstalled(Toy):
    name = "not_installed"
    requires = ("surely_not_installed",)


class Outdated(Toy):
    name = "outdated"

    def unavailable(self):
        return "outdated 1.0 has no such metric"


class Volumes(Toy):
    name = "volumes"
    dimensions = (3,)


class Noisy(Toy):
    name = "noisy"

    def register(self):
        os.write(1, b"from C\n" * 1000)
        sys.stdout.write("from Python\n" * 1000)


class Litters(Toy):
    name = "litters"

    def register(self):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"left behind")
