"""A child process of a step: asked for work that may take memory, leak or die, and given no secret to lose with it.

    Child(module, arguments, log=…) ──► a process of its own ──► wait ──► Ended(code, died_of, said)

It knows what a program must know of its machine, and the secrets that it is said to need: none, of most. It ends with
the thread that started it, however that ends, so that thread has to live as long. What it prints is in its log.

    python -m featherline.tasks.running.child MODULE ARGUMENTS
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import featherline
from featherline.tasks.contracts.request import Exit, Variable
from featherline.tasks.contracts.secrecy import names_of, without_secrets
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.running.memory import out_of_memory

PARENT = "FEATHERLINE_PARENT"
"""The variable that says whose child a process is, by its id."""
PROGRAM = (sys.executable, "-m", "featherline.tasks.running.child")
SURROUNDINGS = frozenset(
    (
        *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD"),
        *("CUDA_VISIBLE_DEVICES", "CUDA_HOME", "XLA_FLAGS", "GOMP_CPU_AFFINITY", "FEATHERLINE_GPUS"),
    )
)
SURROUNDINGS_START = ("LC_", "TF_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "NVIDIA_", "PYTHON")
"""What a program must know of its machine to run as its parent does, by name and by the beginning of the name."""
OF_STORE = frozenset(
    (
        *(str(Variable.STORE), str(Variable.CACHE), "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    )
)
"""What one that needs the store must know beside its AWS_* variables."""
MOST_SAID_BYTES = 256 * 1024
KILL_CODES = 128
"""A shell adds this to the number of the signal that ended a process."""


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: 0 to 255, as a shell gives it: of a signal, 128 and its number.
        died_of: The number of the signal, None where the child ended by itself.
        said: What it printed, on either stream; of very much the last 256 KiB.
        late: It was killed here, for it took longer than it was given.
    """

    code: int
    died_of: int | None
    said: str
    late: bool = False

    @property
    def signal_name(self) -> str:
        """Return the signal as people know it, such as SIGSEGV; empty where there was none."""
        if self.died_of is None:
            return ""
        with contextlib.suppress(ValueError):  # those between SIGRTMIN and SIGRTMAX have no name
            return signal.Signals(self.died_of).name
        return f"signal {self.died_of}"


class Child:
    """A module at work in a process of its own. Leaving the `with` kills it where it still runs."""

    def __init__(
        self,
        module: str,
        *arguments: str | Path,
        log: Path,
        needs: Collection[Secret] = (),
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = (),
        files: Sequence[int] = (),
    ) -> None:
        """Start it.

        Args:
            module: Run as `__main__`, by its dotted name.
            arguments: Its command line. All users of the machine can read it.
            log: For what it prints; written anew.
            needs: The secrets that it gets.
            variables: More of its environment.
            program: Runs in the module's place, with the same arguments.
            files: Descriptors that it gets, under the same numbers.
        """
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*(program or (*PROGRAM, module)), *map(str, arguments)],
                env=environment(needs) | dict(variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=files,
            )

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Return whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self, patience_s: float | None = None) -> Ended:
        """Wait for its end, and kill it where that is not reached in time."""
        late = False
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            late = self._process.poll() is None
            self.kill()
        code = self._process.returncode
        said = self._said()
        return Ended(code, None, said, late) if code >= 0 else Ended(KILL_CODES - code, -code, said, late)

    def kill(self) -> None:
        """End it at once. Safe to call again."""
        if self.is_running():
            self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _said(self) -> str:
        with self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_SAID_BYTES))
            return file.read().decode(errors="replace")


def environment(needs: Collection[Secret] = ()) -> dict[str, str]:
    """Return the environment of a child of this process: what it must know of its machine, and the secrets it needs."""
    names, starts = SURROUNDINGS | names_of(needs), list(SURROUNDINGS_START)
    if Secret.STORE in needs:
        names, starts = names | OF_STORE, [*starts, "AWS_"]
    known = {name: value for name, value in os.environ.items() if name in names or name.startswith(tuple(starts))}
    root = str(Path(featherline.__file__).parent.parent)
    own = {
        PARENT: str(os.getpid()),
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    return without_secrets(known, needs) | own


def die_with_parent() -> None:
    """End this process when the one that asked for it dies (Linux), so that no orphan goes on training."""
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before we asked
        raise SystemExit(1)


if __name__ == "__main__":
    die_with_parent()
    sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except Exception as error:
        if out_of_memory(error) is None:
            raise
        traceback.print_exc()
        sys.exit(Exit.OUT_OF_MEMORY)  # as of one that the kernel killed
