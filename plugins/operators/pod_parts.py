"""The parts of a step's pod that the deployment decides: image, nodes, GPU, keys, and who it may be.

    [featherline]                     in the pod
    image, image_core                 with and without TensorFlow, by digest or by a tag that is not `latest`
    kubernetes_namespace              where pods are made; that of Airflow's connection or own pod where absent
    kubernetes_service_account        whose cloud identity opens the store
    kubernetes_secret                 a Secret whose keys become variables: AWS_SECRET_ACCESS_KEY, …, each where needed
    kubernetes_keys                   a Secret with signing_key.pem and verify_key.pem
    kubernetes_node_selector, …_tolerations          JSON, as in a manifest
    kubernetes_gpu                    such as nvidia.com/gpu=1: for the steps that a GPU helps
    kubernetes_pull_secret            opens the image's registry

No secret is ever written into a pod: only the name of the Secret that the cluster takes it from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from kubernetes.client import models as k8s

from featherline.airflow import deployment
from featherline.airflow.limits import threads
from featherline.airflow.operators.images import check_pinned, image_of
from featherline.airflow.operators.keys import key_of
from featherline.airflow.steps import STEPS, Resources
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.request import Variable

KEYS, FILES = "/featherline/keys", "/featherline/files"
REQUEST, RECIPES = f"{FILES}/request.json", f"{FILES}/recipes"
USER = 1000


def image(step: str) -> str:
    """Return the image of a step.

    Raises:
        Refused: None is named, or one that can be another tomorrow.
    """
    name = image_of(step)
    check_pinned(step, name)
    return name


def variables(step: str, limits: Resources) -> dict[str, str]:
    """Return the plain variables of a step in a pod.

    Raises:
        Refused: The store or the studies could not be reached from a pod, or hold a password.
    """
    plain = {
        Variable.STORE: _store(),
        Variable.STUDIES: _studies(),
        Variable.RECIPES: RECIPES if STEPS[step].reads_recipes else "",
        Variable.PATIENCE: deployment.option("patience_s"),
        "HOME": "/tmp",  # noqa: S108 - the only folder of the pod that can be written
        "TMPDIR": "/tmp",  # noqa: S108 - the same
        **threads(limits),
    }
    if (key := key_of(step)) and deployment.option("kubernetes_keys"):
        plain[key.variable] = f"{KEYS}/{key.file}"
    return {str(name): value for name, value in plain.items() if value}


def files(step: str, request: str) -> dict[str, str]:
    """Return the files that Airflow sends along, by their paths in the pod: the request, and for one step recipes."""
    folder = deployment.recipes_folder()
    recipes = sorted(folder.rglob("*.yaml")) if STEPS[step].reads_recipes else []
    return {REQUEST: request} | {f"{RECIPES}/{path.relative_to(folder)}": path.read_text() for path in recipes}


def annotated(sent: Iterable[str]) -> dict[str, str]:
    """Return the annotations that hold the content of files: together up to 256 KiB, a variable but 128."""
    return {f"featherline/file-{number}": content for number, content in enumerate(sent)}


def volumes(
    step: str, limits: Resources, sent: Mapping[str, str]
) -> tuple[list[k8s.V1Volume], list[k8s.V1VolumeMount]]:
    """Return what a step finds in its pod beside the image: /tmp, the files that are sent along, its key."""
    items = [
        k8s.V1DownwardAPIVolumeFile(
            path=path.removeprefix(f"{FILES}/"),
            field_ref=k8s.V1ObjectFieldSelector(field_path=f"metadata.annotations['{name}']"),
        )
        for path, name in zip(sent, annotated(sent.values()), strict=True)
    ]
    pairs = [
        (
            k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=f"{limits.disk_gib}Gi")),
            k8s.V1VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108 - the pod's own
        ),
        (
            k8s.V1Volume(name="files", downward_api=k8s.V1DownwardAPIVolumeSource(items=items)),
            k8s.V1VolumeMount(name="files", mount_path=FILES, read_only=True),
        ),
    ]
    keys = deployment.option("kubernetes_keys")
    if keys and (key := key_of(step)):
        file = key.file
        secret = k8s.V1SecretVolumeSource(
            secret_name=keys, default_mode=0o440, items=[k8s.V1KeyToPath(key=file, path=file)]
        )
        pairs.append(
            (
                k8s.V1Volume(name="keys", secret=secret),
                k8s.V1VolumeMount(name="keys", mount_path=KEYS, read_only=True),
            )
        )
    return [volume for volume, _ in pairs], [mount for _, mount in pairs]


def requirements(limits: Resources) -> k8s.V1ResourceRequirements:
    """Return requests and limits. Cores are reserved but not capped: a throttled step measures a wrong latency.

    Raises:
        Refused: `kubernetes_gpu` is no RESOURCE=COUNT.
    """
    memory = f"{limits.memory_mib}Mi"
    gpu = _gpu() if limits.gpu else {}
    return k8s.V1ResourceRequirements(
        requests={"memory": memory, "cpu": f"{round(limits.cpus * 1000)}m"} | gpu, limits={"memory": memory} | gpu
    )


def node_selector() -> dict[str, str]:
    """Return the labels of the nodes that pods may run on.

    Raises:
        Refused: The option is no JSON object of texts.
    """
    labels = _json("kubernetes_node_selector", "{}")
    if not (isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values())):
        raise _no_json("kubernetes_node_selector", '{"pool": "ml"}')
    return labels


def tolerations() -> list[k8s.V1Toleration]:
    """Return the taints that pods bear.

    Raises:
        Refused: The option is no JSON list of tolerations.
    """
    example = '[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]'
    taints = _json("kubernetes_tolerations", "[]")
    names = {theirs: ours for ours, theirs in k8s.V1Toleration.attribute_map.items()}
    if not (isinstance(taints, list) and all(isinstance(one, dict) and set(one) <= set(names) for one in taints)):
        raise _no_json("kubernetes_tolerations", example)
    return [k8s.V1Toleration(**{names[name]: value for name, value in one.items()}) for one in taints]


def pod_security() -> k8s.V1PodSecurityContext:
    """Return what every container of the pod is held to: no root, the runtime's own filter of system calls."""
    return k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def container_security() -> k8s.V1SecurityContext:
    """Return what the step and the container that hands its answer over are held to: the `restricted` standard."""
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    )


def _store() -> str:
    store = deployment.option("store")
    if not store.startswith("s3://"):
        raise refuse(
            "pods share no folder",
            expected="[featherline] store: s3://bucket/prefix",
            got=store or "a folder of this machine",
            fix="name a bucket that the pods can reach",
        )
    return store


def _studies() -> str:
    studies = deployment.option("studies")
    in_secret = bool(deployment.option("kubernetes_secret"))
    if "://" not in studies:
        if in_secret:
            return ""  # the Secret's FEATHERLINE_STUDIES
        got = studies or "a folder of this machine"
    elif urlsplit(studies).password is not None:
        got = "an address with a password in it, which everybody who may read pods would read"
    else:
        return studies
    raise refuse(
        "the search workers of several pods cannot share their study",
        expected="[featherline] studies: redis://host/0 or a database, without a password",
        got=got,
        fix="name one; with a password, as FEATHERLINE_STUDIES in the Secret that kubernetes_secret names",
    )


def _gpu() -> dict[str, str]:
    text = deployment.option("kubernetes_gpu")
    if not text:
        return {}
    name, _, count = text.partition("=")
    if not (name.strip() and count.strip().isdigit() and int(count) > 0):
        raise refuse(
            "no pod can ask for that GPU",
            expected="[featherline] kubernetes_gpu: RESOURCE=COUNT, such as nvidia.com/gpu=1",
            got=text,
            fix="correct the option, or leave it empty",
        )
    return {name.strip(): count.strip()}


def _json(name: str, default: str) -> Any:  # noqa: ANN401 - whatever is written there
    try:
        return json.loads(deployment.option(name, default))
    except ValueError:
        return None


def _no_json(name: str, example: str) -> Refused:
    return refuse(
        f"no pod can be made with that {name}",
        expected=f"[featherline] {name}: JSON as in a manifest, such as {example}",
        got=deployment.option(name),
        fix="correct the option",
    )
