"""What a device can carry."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name, Prose

BOUNDS = ("size_bytes", "macs", "peak_ram_bytes", "latency_ms_p50")
"""What a budget bounds by a number."""


class Budget(Contract):
    """What a device can carry. An absent bound is no bound."""

    size_bytes: int | None = Field(None, gt=0, description="Raw bytes of the .tflite file.")
    macs: int | None = Field(None, gt=0, description="Multiply-accumulates of one inference.")
    peak_ram_bytes: int | None = Field(None, gt=0, description="Memory for activations while it runs.")
    latency_ms_p50: float | None = Field(None, gt=0, description="On the machine that evaluates, one thread.")
    minimum_runtime: str | None = Field(
        None,
        pattern=r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$",
        description="The lowest TFLite runtime among the devices.",
    )

    def excess(self, used: Mapping[str, float | None]) -> dict[str, float]:
        """Return how far beyond each bound something is, as a fraction of the bound: 0 on it, less within.

        Args:
            used: What is measured or estimated of it, by the names of the bounds. What is not known, or not bounded,
                has no part in the answer.
        """
        pairs = {name: (used.get(name), getattr(self, name)) for name in BOUNDS}
        return {
            name: value / bound - 1 for name, (value, bound) in pairs.items() if value is not None and bound is not None
        }


def beyond(excess: Mapping[str, float]) -> list[str]:
    """Return the bounds that do not hold; what is on its bound fits, and what is no number does not."""
    return [name for name, miss in excess.items() if not miss <= 0]


class Device(Contract):
    """A kind of device: `recipes/devices/<name>.yaml`."""

    name: Name
    description: Prose
    budget: Budget
