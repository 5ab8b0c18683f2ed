"""What a device can carry."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name, Prose


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


class Device(Contract):
    """A kind of device: `recipes/devices/<name>.yaml`."""

    name: Name
    description: Prose
    budget: Budget
