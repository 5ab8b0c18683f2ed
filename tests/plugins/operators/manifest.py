"""Whether a manifest is what the API server takes, as far as the types of its OpenAPI document and its rules say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes import client

SCALARS = {"str": str, "int": int, "bool": bool, "object": object, "float": (int, float), "datetime": str}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|Ki|Mi|Gi|Ti|k|M|G|T)?")
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def mistakes(value: Any, kind: str, place: str = "pod") -> Iterator[str]:
    """Tell what in a manifest is not as its type says: unknown keys, wrong types, missing keys, words out of range."""
    if kind in SCALARS:
        expected = SCALARS[kind]
        if not isinstance(value, expected) or (kind in {"int", "float"} and isinstance(value, bool)):
            yield f"{place} is no {kind}: {value!r}"
        return
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        for i, one in enumerate(value):
            yield from mistakes(one, inner[1], f"{place}[{i}]")
        return
    if inner := re.fullmatch(r"dict\[str, (.+)\]", kind):
        for name, one in value.items():
            yield from mistakes(one, inner[1], f"{place}.{name}")
        return
    model = getattr(client.models, kind)
    theirs = {name: (ours, model.openapi_types[ours]) for ours, name in model.attribute_map.items()}
    for name, one in value.items():
        if name not in theirs:
            yield f"{place} has no key {name}"
        else:
            yield from mistakes(one, theirs[name][1], f"{place}.{name}")
    try:  # the setters of the client know which keys must be there, and which words they may hold
        model(**{theirs[name][0]: one for name, one in value.items() if name in theirs})
    except ValueError as error:
        yield f"{place}: {error}"


def broken_rules(pod: dict[str, Any]) -> Iterator[str]:
    """Tell which rules of the API server a pod breaks that no type shows."""
    metadata, spec = pod["metadata"], pod["spec"]
    if not NAME.fullmatch(metadata["name"]):
        yield f"name {metadata['name']}"
    yield from (f"label {name}={value}" for name, value in metadata["labels"].items() if not LABEL.fullmatch(value))
    if sum(len(name) + len(value) for name, value in metadata["annotations"].items()) > 256 * 1024:
        yield "annotations of more than 256 KiB"
    volumes = [one["name"] for one in spec["volumes"]]
    if len(set(volumes)) < len(volumes):
        yield f"volumes of one name: {volumes}"
    for container in spec["containers"]:
        names = [one["name"] for one in container.get("env", [])]
        paths = [one["mountPath"] for one in container.get("volumeMounts", [])]
        if len(set(names)) < len(names) or len(set(paths)) < len(paths):
            yield f"two of one name or path in {container['name']}"
        yield from (f"no volume {one['name']}" for one in container["volumeMounts"] if one["name"] not in volumes)
        for part in container["resources"].values():
            yield from (f"quantity {name}={value}" for name, value in part.items() if not QUANTITY.fullmatch(value))
        limits, requests = (container["resources"].get(part, {}) for part in ("limits", "requests"))
        yield from (
            f"limit of {name} is no request" for name in limits if "/" in name and limits[name] != requests[name]
        )


def rights(pod: dict[str, Any]) -> Iterator[str]:
    """Tell what of the Pod Security Standard `restricted`, and of our own rules, a pod does not keep."""
    spec = pod["spec"]
    yield from (f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    if not spec["securityContext"]["runAsNonRoot"] or spec["securityContext"]["runAsUser"] == 0:
        yield "runs as root"
    if spec["securityContext"]["seccompProfile"] != {"type": "RuntimeDefault"}:
        yield "no filter of system calls"
    if spec["automountServiceAccountToken"] is not False:
        yield "has a token of the cluster"
    if not {next(iter(set(one) - {"name"})) for one in spec["volumes"]} <= {
        *("emptyDir", "downwardAPI", "secret", "configMap")
    }:
        yield "has a volume of the host"
    for container in spec["containers"]:
        context = container["securityContext"]
        if context["allowPrivilegeEscalation"] or context["privileged"] or not context["readOnlyRootFilesystem"]:
            yield f"{container['name']} may do too much"
        if context["capabilities"] != {"drop": ["ALL"]}:
            yield f"{container['name']} has capabilities"
