"""The Kubernetes runtime, without a cluster: manifests by the API's own types, outcomes by a server on loopback."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from kubernetes.client import ApiClient

sys.path.insert(0, str(Path(__file__).parent))

from kubernetes_cluster import Cluster, Ending
from manifest import broken_rules, mistakes, rights

from featherline.airflow.operators import pod_parts
from featherline.airflow.operators.factory import step
from featherline.airflow.operators.kubernetes_step import KubernetesStepOperator
from featherline.airflow.operators.mixin import MOST_RESULT_BYTES
from featherline.airflow.retry import StepCrashedError, StepOutOfMemoryError
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.refusal import Refused

ROOT = Path(__file__).resolve().parents[3]
IMAGE = f"registry.example:5000/featherline/tasks@sha256:{'a' * 64}"
OPTIONS = {
    "image": IMAGE,
    "store": "s3://featherline",
    "studies": "redis://redis.ml.svc/0",
    "kubernetes_namespace": "ml",
    "kubernetes_service_account": "steps",
    "kubernetes_secret": "store-keys",
    "kubernetes_keys": "signing",
    "kubernetes_node_selector": '{"pool": "ml", "gpu": "True"}',
    "kubernetes_tolerations": '[{"key": "gpu", "operator": "Exists", "tolerationSeconds": 60}]',
    "kubernetes_gpu": "nvidia.com/gpu=1",
    "kubernetes_pull_secret": "registry",
}
CONNECTIONS = {
    "STORE": {
        "conn_type": "aws",
        "login": "key-id",
        "password": "key-secret",
        "extra": {"endpoint_url": "http://s3.ml.svc:8333", "region_name": "eu-west-1"},
    },
    "REGISTRY": {"conn_type": "http", "host": "mlflow.ml.svc", "port": 5000, "login": "me", "password": "flow-secret"},
}
Make = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("cluster")


class TaskInstance(dict[str, Any]):
    """What the operator asks of Airflow: names for labels, and a place for XComs."""

    dag_id, task_id, map_index, try_number = "retrain_and_compress", "lanes.prune", 3, 1

    def xcom_push(self, key: str, value: object) -> None:
        """Keep one XCom."""
        self[key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        """Give what `resolve` froze."""
        return {name: {} for name in STEPS} if (task_ids, key) == ("resolve", "params") else None


class Kept(dict[str, Any]):
    """Airflow's state store of a task, which outlives a try."""

    set = dict.__setitem__


@pytest.fixture
def context() -> dict[str, Any]:
    """Give what Airflow tells an operator in the first try of a mapped task."""
    return {"ti": TaskInstance(), "run_id": "manual__2026", "dag": SimpleNamespace(), "task_state_store": Kept()}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Give an API server, a deployment that uses it, and connections with passwords."""
    server = Cluster()
    for name, value in OPTIONS.items():
        monkeypatch.setenv(f"AIRFLOW__FEATHERLINE__{name.upper()}", value)
    for name, value in CONNECTIONS.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_FEATHERLINE_{name}", json.dumps(value))
    extra = {"kube_config": json.dumps(server.kubeconfig())}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def prune(cluster: Cluster) -> Make:
    """Give a maker of the step `prune` as a pod of the cluster."""
    assert cluster.url

    def make(**options: Any) -> KubernetesStepOperator:
        request = options.pop("request", {"inputs": {"data": "d"}})
        return KubernetesStepOperator(
            task_id="prune", step="prune", request=request, **{"startup_check_interval_seconds": 1} | options
        )

    return make


def answer(outputs: Any, **changes: Any) -> str:
    """Return a step's answer as it lies in the file."""
    result = {
        "format": 2,
        "step": "prune",
        "run_id": "run",
        "status": "ran",
        "key": "0" * 64,
        "seconds": 0.5,
        "outputs": outputs,
    }
    return json.dumps(result | changes)


def manifest(task: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return the pod of a task as it goes over the wire."""
    task.render_template_fields(context | {"params": {"recipe": "digits", "seed": 7, "ignore_cache": False}})
    task._sent = pod_parts.files(task.step, task.question().decode())
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(task.build_pod_request_obj(context))
    return found


def base(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the container of the step."""
    (found,) = (one for one in pod["spec"]["containers"] if one["name"] == "base")
    return found


def variables(pod: dict[str, Any]) -> dict[str, str]:
    """Return the plain variables of the step."""
    return {one["name"]: one["value"] for one in base(pod)["env"] if "value" in one}


def from_secret(pod: dict[str, Any]) -> dict[str, bool]:
    """Return the variables that the step takes from the Secret, and whether the Secret must have them."""
    found = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in base(pod)["env"] if "valueFrom" in one}
    assert all(one["name"] == "store-keys" and one["key"] == name for name, one in found.items())
    return {name: not one["optional"] for name, one in found.items()}


def files_of(pod: dict[str, Any]) -> dict[str, str]:
    """Return the files that a pod shows of its annotations, by their paths in the folder, as the kubelet makes them."""
    (items,) = (one["downwardAPI"]["items"] for one in pod["spec"]["volumes"] if "downwardAPI" in one)
    found = {}
    for item in items:
        (name,) = re.findall(r"^metadata\.annotations\['([^']+)'\]$", item["fieldRef"]["fieldPath"])
        found[item["path"]] = pod["metadata"]["annotations"][name]
    return found


@pytest.mark.parametrize("name", STEPS)
def test_the_pod_of_every_step_is_what_kubernetes_takes(context: dict[str, Any], name: str):
    """By the API's own types, its rules of names and quantities, and the standard `restricted`; nothing is lost."""
    task = step(name, runtime="kubernetes")

    pod = manifest(task, context)

    assert list(mistakes(pod, "V1Pod")) == []
    assert list(broken_rules(pod)) == []
    assert list(rights(pod)) == []
    read = ApiClient().deserialize(SimpleNamespace(data=json.dumps(pod)), "V1Pod")
    assert ApiClient().sanitize_for_serialization(read) == pod


def test_the_check_of_manifests_can_fail(context: dict[str, Any]):
    """A key that is none, a wrong type, a key that is missing, a bad quantity and a right too much are all seen."""
    pod = manifest(step("train", runtime="kubernetes"), context)
    pod["spec"]["nodeselector"] = {}
    pod["spec"]["activeDeadlineSeconds"] = "60"
    del pod["spec"]["volumes"][1]["name"]

    assert {one.partition(":")[0] for one in mistakes(pod, "V1Pod")} == {
        "pod.spec has no key nodeselector",
        "pod.spec.activeDeadlineSeconds is no int",
        "pod.spec.volumes[1]",
    }
    pod = manifest(step("train", runtime="kubernetes"), context)
    base(pod)["resources"]["limits"]["memory"] = "6 GiB"
    base(pod)["securityContext"]["privileged"] = True
    assert list(broken_rules(pod)) == ["quantity memory=6 GiB"]
    assert list(rights(pod)) == ["base may do too much"]


def test_the_pod_is_what_the_deployment_says(context: dict[str, Any]):
    """Image, place, identity, nodes and who may pull; texts stay texts."""
    spec = manifest(step("train", runtime="kubernetes"), context)["spec"]

    assert base({"spec": spec})["image"] == IMAGE
    assert spec["serviceAccountName"] == "steps"
    assert spec["nodeSelector"] == {"pool": "ml", "gpu": "True"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 60}]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["activeDeadlineSeconds"] > STEPS["train"].tries.timeout.total_seconds()
    assert spec["restartPolicy"] == "Never"


def test_the_step_is_asked_through_a_file(prune: Make, context: dict[str, Any]):
    """The annotation that the file shows is the whole request; the command has an init."""
    pod = manifest(prune(item={"name": "int8"}, item_name="candidate"), context)

    assert json.loads(files_of(pod)["request.json"])["inputs"] == {"data": "d", "candidate": {"name": "int8"}}
    assert base(pod)["command"] == ["tini", "--", "python", "-m", "featherline.tasks"]
    assert base(pod)["args"] == ["prune", "--request", "/featherline/files/request.json"]
    assert variables(pod)["FEATHERLINE_RESULT"] == "/airflow/xcom/return.json"


def test_resolve_finds_the_recipes_that_the_form_offers(context: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    """With the folder of devices; no other step is sent any."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RECIPES", str(ROOT / "recipes"))

    resolve, plan = (manifest(step(name, runtime="kubernetes"), context) for name in ("resolve", "plan"))

    sent = files_of(resolve)
    assert variables(resolve)["FEATHERLINE_RECIPES"] == "/featherline/files/recipes"
    assert sent["recipes/digits.yaml"] == (ROOT / "recipes" / "digits.yaml").read_text()
    assert "recipes/devices/microcontroller.yaml" in sent
    assert list(broken_rules(resolve)) == []
    assert set(files_of(plan)) == {"request.json"}
    assert "FEATHERLINE_RECIPES" not in variables(plan)


def test_no_secret_is_in_a_pod(prune: Make, context: dict[str, Any]):
    """Addresses come from the connections; keys only by the name of the Secret that holds them."""
    task = prune()

    pod = manifest(task, context)

    assert [word for word in ("key-id", "key-secret", "flow-secret") if word in json.dumps(pod)] == []
    assert base(pod).get("envFrom", []) == []
    assert from_secret(pod) == {
        "AWS_ACCESS_KEY_ID": True,
        "AWS_SECRET_ACCESS_KEY": True,
        "AWS_SESSION_TOKEN": False,
    }
    assert variables(pod) == {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "http://s3.ml.svc:8333",
        "FEATHERLINE_REGISTRY": "http://mlflow.ml.svc:5000",
        "FEATHERLINE_RESULT": "/airflow/xcom/return.json",
        "FEATHERLINE_STORE": "s3://featherline",
        "FEATHERLINE_STUDIES": "redis://redis.ml.svc/0",
        "HOME": "/tmp",  # noqa: S108 - of the pod
        "OMP_NUM_THREADS": "2",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TMPDIR": "/tmp",  # noqa: S108 - of the pod
    }
    shown = json.dumps([getattr(task, field) for field in task.template_fields])
    assert "key-secret" not in shown + repr(vars(task))


@pytest.mark.parametrize("name", STEPS)
def test_a_key_is_in_the_pod_of_the_steps_that_use_it_alone(context: dict[str, Any], name: str):
    """Only the steps that sign see the private key, and only the one that verifies the public one."""
    pod = manifest(step(name, runtime="kubernetes"), context)

    keys = [item["key"] for one in pod["spec"]["volumes"] if "secret" in one for item in one["secret"]["items"]]
    expected = {"resolve": ["signing_key.pem"], "publish": ["signing_key.pem"], "promote": ["verify_key.pem"]}
    assert keys == expected.get(name, [])
    paths = {variables(pod).get(variable) for variable in ("FEATHERLINE_SIGNING_KEY", "FEATHERLINE_VERIFY_KEY")}
    assert paths - {None} == {f"/featherline/keys/{key}" for key in keys}


@pytest.mark.parametrize("name", STEPS)
def test_a_pod_takes_of_the_secret_what_its_step_needs(
    context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
):
    """Of one Secret for all: the registry's password goes to who talks to it, the studies' to the search."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__STUDIES", "")

    pod = manifest(step(name, runtime="kubernetes"), context)

    if name == "resolve":  # its recipe may name any variable; an empty one hides what it does not need
        assert base(pod)["envFrom"] == [{"secretRef": {"name": "store-keys"}}]
        assert from_secret(pod) == {}
        assert variables(pod)["FEATHERLINE_STUDIES"] == ""
        return
    assert base(pod).get("envFrom", []) == []
    store = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    registry = {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"}
    more = {"register": registry, "promote": registry, "search": {"FEATHERLINE_STUDIES"}}
    assert set(from_secret(pod)) == store | more.get(name, set())


def test_a_secret_gives_the_addresses_that_no_connection_has(
    monkeypatch: pytest.MonkeyPatch, prune: Make, context: dict[str, Any]
):
    """Also the region, unless a service account's cloud identity has one."""
    for connection in CONNECTIONS:
        monkeypatch.delenv(f"AIRFLOW_CONN_FEATHERLINE_{connection}")
    addresses = {"AWS_ENDPOINT_URL_S3"}
    assert addresses <= set(from_secret(manifest(prune(), context)))

    monkeypatch.setenv("AIRFLOW__FEATHERLINE__KUBERNETES_SERVICE_ACCOUNT", "")
    assert addresses | {"AWS_REGION", "AWS_DEFAULT_REGION"} <= set(from_secret(manifest(prune(), context)))


def test_a_password_in_an_address_is_in_no_pod(monkeypatch: pytest.MonkeyPatch, prune: Make, context: dict[str, Any]):
    """A connection whose host is an address with a password counts as one with a password."""
    hidden = {"conn_type": "http", "host": "https://me:hush@mlflow.ml.svc"}
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_REGISTRY", json.dumps(hidden))

    assert "hush" not in json.dumps(manifest(prune(), context))


@pytest.mark.parametrize("name", STEPS)
def test_each_step_gets_what_the_table_says(context: dict[str, Any], name: str):
    """Memory as request and limit; cores as request alone; a GPU for the steps that a GPU helps."""
    limits = STEPS[name].resources
    gpu = {"nvidia.com/gpu": "1"} if limits.gpu else {}

    found = base(manifest(step(name, runtime="kubernetes"), context))["resources"]

    assert found["limits"] == {"memory": f"{limits.memory_mib}Mi"} | gpu
    assert found["requests"] == {"memory": f"{limits.memory_mib}Mi", "cpu": f"{round(limits.cpus * 1000)}m"} | gpu


def test_a_second_try_has_more_memory(prune: Make, context: dict[str, Any]):
    """The first one may have been killed for want of it."""
    context["ti"].try_number = 2

    found = base(manifest(prune(), context))["resources"]

    assert found["limits"]["memory"] == found["requests"]["memory"] == f"{STEPS['prune'].resources.memory_mib * 2}Mi"


@pytest.mark.parametrize(
    "image",
    [
        "",
        "featherline/tasks",
        "featherline/tasks:latest",
        "registry.example:5000/tasks",
        "registry.example:5000/tasks:latest",
        "tasks@sha256:abc",
        "tasks:",
    ],
)
def test_an_image_that_may_change_is_refused(monkeypatch: pytest.MonkeyPatch, image: str):
    """Nothing, no tag, `latest`, half a digest: seen when the DAG is read, not hours later."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__IMAGE", image)

    with pytest.raises(Refused) as refusal:
        step("train", runtime="kubernetes")

    assert refusal.value.problems[0].got == (image or "nothing")


@pytest.mark.parametrize(
    "image", ["tasks:1.0", "registry.example:5000/a/tasks:1.0-cpu", IMAGE, f"tasks:1@{IMAGE[-71:]}"]
)
def test_an_image_with_a_tag_or_a_digest_is_taken(monkeypatch: pytest.MonkeyPatch, image: str):
    """A registry's port is no tag."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__IMAGE", image)

    assert step("train", runtime="kubernetes").image == image


def test_a_step_without_tensorflow_takes_the_lighter_image(monkeypatch: pytest.MonkeyPatch):
    """Where the deployment names one."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__IMAGE_CORE", "tasks-core:1.0")

    assert step("train", runtime="kubernetes").image == IMAGE
    assert step("select", runtime="kubernetes").image == "tasks-core:1.0"


MISTAKES = {
    "store": ("/var/store", "pods share no folder"),
    "studies": ("redis://:word@redis/0", "the search workers of several pods cannot share their study"),
    "kubernetes_node_selector": ('{"gpu": true}', "no pod can be made with that kubernetes_node_selector"),
    "kubernetes_tolerations": ('[{"kind": "gpu"}]', "no pod can be made with that kubernetes_tolerations"),
    "kubernetes_gpu": ("nvidia.com/gpu", "no pod can ask for that GPU"),
    "resources": ('{"trian": {"memory_mib": 1}}', "the limits of the steps have no trian"),
}


@pytest.mark.parametrize(("option", "value", "what"), [(name, *one) for name, one in MISTAKES.items()], ids=MISTAKES)
def test_a_mistake_of_the_deployment_shows_when_the_dag_is_read(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str, what: str
):
    """Each option that no pod could be made with is refused by name; a password is not repeated."""
    monkeypatch.setenv(f"AIRFLOW__FEATHERLINE__{option.upper()}", value)

    with pytest.raises(Refused) as refusal:
        step("train", runtime="kubernetes")

    assert refusal.value.problems[0].what == what
    assert "word" not in str(refusal.value).replace("password", "")


def test_studies_with_a_password_come_from_the_secret(monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]):
    """Without an address in the configuration the Secret gives it; without a Secret a folder is refused."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__STUDIES", "")
    assert "FEATHERLINE_STUDIES" not in variables(manifest(step("search", runtime="kubernetes"), context))

    monkeypatch.setenv("AIRFLOW__FEATHERLINE__KUBERNETES_SECRET", "")
    with pytest.raises(Refused, match="several pods cannot share their study"):
        step("search", runtime="kubernetes")


def test_a_connection_with_a_password_needs_a_secret(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, prune: Make, context: dict[str, Any]
):
    """No pod is made that could open nothing; the message names the variables, and no value."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__KUBERNETES_SECRET", "")

    with pytest.raises(AirflowFailException, match="kubernetes_secret: a Secret with AWS_ACCESS_KEY_ID") as failure:
        prune().execute(context)

    assert "key-secret" not in str(failure.value)
    assert cluster.made == []


def test_a_step_that_is_done_gives_its_outputs(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """The answer comes over by the sidecar; nothing is left of the pod."""
    cluster.ending = Ending(answer=answer({"model": {"macs": 7}}), log=["epoch 1"])

    assert prune().execute(context) == {"model": {"macs": 7}}

    assert (len(cluster.made), cluster.pods) == (1, {})
    assert context["ti"]["pod_namespace"] == "ml"


def test_a_long_answer_arrives_whole(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """As long as an answer may be."""
    text = "x" * (MOST_RESULT_BYTES - 400)
    cluster.ending = Ending(answer=answer({"text": text}))

    assert prune().execute(context) == {"text": text}


def test_a_fan_out_returns_its_list_and_pushes_every_output(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """As in every runtime."""
    cluster.ending = Ending(answer=answer({"candidates": ["a", "b"], "infeasible": []}))
    plan = prune(fan_out="candidates")

    assert plan.execute(context) == ["a", "b"]
    assert {name: context["ti"][name] for name in ("candidates", "infeasible")} == {
        "candidates": ["a", "b"],
        "infeasible": [],
    }
    assert plan.multiple_outputs is False


def test_the_log_of_the_step_is_in_the_log_of_the_task(
    cluster: Cluster, prune: Make, context: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    """Line by line, without a mark of the container."""
    cluster.ending = Ending(answer=answer({}), log=["epoch 1", "epoch 2"])

    prune().execute(context)

    told = capsys.readouterr().out
    assert re.findall(r"epoch \d", told) == ["epoch 1", "epoch 2"]
    assert "[base]" not in told


REFUSAL = ["epoch 1", "refused", "prune cannot rank", "  expected  finite", "  got       3 NaN", "  fix       lower it"]
DISRUPTED = {"conditions": [{"type": "DisruptionTarget", "status": "True", "message": "node drained"}]}

FAILURES = {
    "refused": (Ending(65, "Error", log=REFUSAL), AirflowFailException, "\n".join(REFUSAL[2:])),
    "refused without words": (Ending(65, "Error"), AirflowFailException, "prune refused its input"),
    "skipped": (Ending(99, "Error"), AirflowSkipException, "prune skipped itself"),
    "crashed": (
        Ending(1, "Error", log=["Traceback", "ValueError: no such layer"]),
        StepCrashedError,
        "prune ended with exit code 1; its last line: ValueError: no such layer",
    ),
    "out of memory": (Ending(137, "OOMKilled"), StepOutOfMemoryError, "prune was killed"),
    "a child out of memory": (Ending(1, "OOMKilled"), StepOutOfMemoryError, "prune was killed"),
    "killed": (Ending(137, "Error"), StepOutOfMemoryError, "prune was killed"),
    "memory fault": (Ending(139, "Error"), AirflowFailException, "prune died of a memory fault"),
    "no result": (Ending(), AirflowFailException, "prune left no result"),
    "no result of a step": (Ending(answer='{"step": 1}'), AirflowFailException, "prune left a result that cannot be"),
    "half an answer": (Ending(answer='{"step"'), StepCrashedError, "the pod of prune was lost"),
    "drained": (Ending(137, "Error", status=DISRUPTED), StepCrashedError, "the pod of prune was lost: node drained"),
    "evicted": (
        Ending(137, "Error", status={"phase": "Failed", "reason": "Evicted", "message": "disk"}, sidecar=False),
        StepCrashedError,
        "the pod of prune was lost: Evicted disk",
    ),
    "sidecar gone": (Ending(answer=answer({}), sidecar=False), StepCrashedError, "the pod of prune was lost"),
    "never started": (
        Ending(
            None,
            status={
                "phase": "Pending",
                "containerStatuses": [
                    {
                        "name": "base",
                        "ready": False,
                        "restartCount": 0,
                        "image": "",
                        "imageID": "",
                        "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no such image"}},
                    }
                ],
            },
        ),
        StepCrashedError,
        "the pod of prune was lost: Image cannot be pulled, unable to start: ErrImageNeverPull",
    ),
}


@pytest.mark.parametrize(("ending", "kind", "message"), FAILURES.values(), ids=FAILURES)
def test_how_a_pod_ends_decides(  # noqa: PLR0917 - three are of the table
    cluster: Cluster, prune: Make, context: dict[str, Any], ending: Ending, kind: type, message: str
):
    """Each way to end badly has its exception, and so its retries, and its message; and no pod is left."""
    cluster.ending = ending

    with pytest.raises(AirflowException) as failure:
        prune().execute(context)

    assert type(failure.value) is kind
    assert str(failure.value).startswith(message)
    assert cluster.pods == {}


def test_the_next_try_follows_the_pod_of_a_worker_that_died(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """The pod that goes on without its worker is found by what Airflow keeps, and its answer is taken."""
    first = prune()
    first._sent = pod_parts.files("prune", first.question().decode())
    first.get_or_create_pod(first.build_pod_request_obj(context), context)  # and here the worker dies
    context["ti"].try_number = 2
    cluster.ending = Ending(answer=answer({"model": 7}))

    assert prune().execute(context) == {"model": 7}

    assert (len(cluster.made), cluster.pods) == (1, {})


def test_a_try_after_a_failure_has_a_pod_of_its_own(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """What was judged once is not followed again."""
    cluster.ending = Ending(1, "Error")
    with pytest.raises(StepCrashedError):
        prune().execute(context)
    context["ti"].try_number = 2
    cluster.ending = Ending(answer=answer({}))

    assert prune().execute(context) == {}
    assert len({pod["metadata"]["name"] for pod in cluster.made}) == 2


def test_a_task_that_is_ended_deletes_its_pod(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """Airflow calls `on_kill` while `execute` waits; what the pod said by then does not count."""
    task = prune()
    cluster.ending = Ending(answer=answer({}))
    whole = task.extract_xcom

    def ended_meanwhile(pod: Any, **options: Any) -> None:
        whole(pod, **options)
        task.on_kill()

    task.extract_xcom = ended_meanwhile

    with pytest.raises(AirflowException, match="prune was ended from outside"):
        task.execute(context)

    assert cluster.pods == {}


def test_a_request_that_no_pod_can_hold_is_refused(cluster: Cluster, prune: Make, context: dict[str, Any]):
    """Kubernetes would refuse the pod without saying what is too large."""
    with pytest.raises(AirflowFailException, match="the request to prune is too large for a pod"):
        prune(request={"inputs": {"text": "x" * 250_000}}).execute(context)

    assert cluster.made == []
