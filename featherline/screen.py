"""The console that everything foreign goes through: names from data, text of Airflow's answers and of logs.

a string, a cell of a table ──► visible ──► no markup, no emoji codes, no links ──► the terminal
"""

from __future__ import annotations

import io
import sys
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from featherline.tasks.contracts.safe_text import visible_lines

WIDTH_OF_A_LOG = 160
"""Characters, where nobody's terminal says how wide it is."""


class SafeConsole(Console):
    """Prints strings as they read: `[red]` is five characters, and an escape sequence is spelled."""

    def __init__(self, file: IO[str] | None = None, **options: Any) -> None:  # noqa: ANN401 - rich's own
        """Print to `file`, else to standard output as it is now."""
        file = file or sys.stdout
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="backslashreplace")  # a terminal of ASCII shows a tick as its code
        width = None if file.isatty() else WIDTH_OF_A_LOG
        given: dict[str, Any] = {"width": width, "soft_wrap": False} | options
        super().__init__(file=file, markup=False, emoji=False, **given)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        """Return a string as rich draws it, in a cell too."""
        return super().render_str(visible_lines(text), **options)

    def out(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - rich's own
        """Print without wrapping."""
        super().out(*(visible_lines(one) for one in objects), **options)
