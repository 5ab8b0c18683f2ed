"""Imports that do not look for garbage, and that find no more than they need."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from featherline.tasks.contracts.request import StepRequest, Variable
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.running.importing import end_of_imports, without_collections


def test_the_collector_is_off_within_and_on_after() -> None:
    """Also after an import that fails; and who had it off has it off still."""
    with without_collections():
        off = not gc.isenabled()
    assert off
    assert gc.isenabled()

    with pytest.raises(ModuleNotFoundError), without_collections():
        importlib.import_module("no_such_module")
    assert gc.isenabled()

    gc.disable()
    with without_collections():
        pass
    assert not gc.isenabled()
    end_of_imports()
    assert gc.isenabled()


def test_a_step_works_with_the_collector_on(context: Context) -> None:
    """It is off while the shell and the step are imported, and never while the step works."""
    gc.disable()

    execute("preprocess", StepRequest(params={"name": "digits", "source": "digits"}), context, time.monotonic())

    assert gc.isenabled()


def test_a_library_that_is_hidden_is_there_again_afterwards() -> None:
    """What looks for it goes on without; one that is imported already stays what it is."""
    program = (
        "import json\n"
        "from featherline.tasks.running.importing import without\n"
        "with without('wave', 'json'):\n"
        "    try: import wave\n"
        "    except ImportError: print('hidden')\n"
        "    import json\n"
        "import wave\n"
        "print(wave.__name__, json.loads('1'))\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["hidden", "wave", "1"]


def test_a_hit_imports_no_tensorflow_and_looks_for_no_garbage(tmp_path: Path) -> None:
    """Asked of the real program: the collector stays off, for there is nothing to collect before it ends."""
    variables = os.environ | {Variable.STORE: str(tmp_path / "store"), Variable.RESULT: str(tmp_path / "result.json")}
    variables |= {Variable.REQUEST: '{"params": {"name": "digits", "source": "digits"}}'}
    program = (
        "import gc, runpy, sys, os\n"
        "sys.argv = ['featherline', 'preprocess']\n"
        "def told(code):\n"
        "    print('on' if gc.isenabled() else 'off', 'tensorflow' in sys.modules, file=sys.stderr)\n"
        "    sys.stderr.flush()\n"
        "os._exit = told\n"
        "runpy.run_module('featherline.tasks', run_name='__main__')\n"
    )

    said = [
        subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]

    assert [one.stderr.split()[-2:] for one in said] == [["on", "False"], ["off", "False"]]
