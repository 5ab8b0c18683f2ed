"""What rots in the store heals by itself, or is refused with a way out: every kind of object, each kind of damage."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.compression.search.study import mend, open_storage
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.references import DatasetRef, MeasurementRef, SamplesRef
from featherline.tasks.contracts.refusal import Problem, Refused, Unavailable
from featherline.tasks.contracts.request import Provenance, StepRequest, StepResult, Variable
from featherline.tasks.contracts.steps.preprocess import PreprocessOutputs
from featherline.tasks.releasing.registries.registry import Move, Version
from featherline.tasks.releasing.registries.store_registry import StoreRegistry
from featherline.tasks.running import step_cache
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.store import accepted
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import Blobs, FolderBlobs, S3Blobs
from featherline.tasks.store.damage import Damaged
from featherline.tasks.store.local_cache import ArtifactCache, CachedS3Blobs
from featherline.tasks.training.checkpoint import Checkpoint, TrainingState

DATA = b"what a step made"
CURVES = ("loss", "quality", "validation_loss", "validation_quality", "learning_rate", "seconds")
PREPROCESS = StepRequest(
    params={"name": "digits", "source": "digits"}, provenance=Provenance(run_id="run-1", recipe="digits")
)


@pytest.fixture(params=["folder", "s3", "s3 behind a cache"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give each kind of store in turn, empty."""
    if request.param == "folder":
        return Store(FolderBlobs(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://featherline/{uuid.uuid4().hex}"
    return Store(S3Blobs(uri) if request.param == "s3" else CachedS3Blobs(uri, ArtifactCache(tmp_path / "cache")))


def flip(blobs: Blobs, key: str) -> None:
    """Change one bit of what lies under a key."""
    read = S3Blobs.read if isinstance(blobs, S3Blobs) else type(blobs).read  # past the cache of this machine
    data = bytearray(read(blobs, key) or b"")
    data[len(data) // 2] ^= 1
    blobs.replace(key, bytes(data))


def test_a_damaged_artifact_is_set_aside(any_store: Store) -> None:
    """A flipped bit of the same size: named, moved, and gone for whoever looks, so that its maker runs."""
    ref = any_store.put_bytes(DATA, SamplesRef)
    flip(any_store.blobs, f"artifacts/{ref.sha256}")

    with pytest.raises(Damaged) as damage:
        any_store.read_bytes(ref)

    (aside,) = any_store.blobs.keys("damaged/")
    assert aside.startswith(f"damaged/{ref.sha256}.")
    assert aside in str(damage.value)
    assert not any_store.has(ref)


def test_what_is_fetched_is_set_aside_too(any_store: Store) -> None:
    """A download finds the same."""
    ref = any_store.put_bytes(DATA, SamplesRef)
    flip(any_store.blobs, f"artifacts/{ref.sha256}")

    with pytest.raises(Damaged), any_store.fetched(ref):
        pass

    assert len(list(any_store.blobs.keys("damaged/"))) == 1
    assert not any_store.has(ref)


def test_a_write_mends_what_has_its_size(any_store: Store, tmp_path: Path) -> None:
    """The maker's bytes replace damaged ones, of any size, whether they come from memory or from a file."""
    ref = any_store.put_bytes(DATA, SamplesRef)
    flip(any_store.blobs, f"artifacts/{ref.sha256}")
    any_store.put_bytes(DATA, SamplesRef)
    once = any_store.blobs.sha256(f"artifacts/{ref.sha256}")
    flip(any_store.blobs, f"artifacts/{ref.sha256}")
    (tmp_path / "file").write_bytes(DATA)
    any_store.put_file(tmp_path / "file", SamplesRef)

    assert once == any_store.blobs.sha256(f"artifacts/{ref.sha256}") == ref.sha256
    assert any_store.read_bytes(ref) == DATA


def test_a_damaged_copy_of_this_machine_damages_nothing(tmp_path: Path, s3_server: S3Server, monkeypatch: Any) -> None:
    """The cache's copy is fetched anew; the store's own object stays where it is."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    store = Store(CachedS3Blobs(f"s3://featherline/{uuid.uuid4().hex}", ArtifactCache(tmp_path / "cache")))
    ref = store.put_bytes(DATA, SamplesRef)
    store.read_bytes(ref)
    (tmp_path / "cache" / ref.sha256).write_bytes(DATA[:-1] + b"!")

    assert store.read_bytes(ref) == DATA
    assert list(store.blobs.keys("damaged/")) == []


def prepared(context: Context) -> tuple[StepResult, Dataset]:
    """Return what `preprocess` gives, and the data set in it."""
    result = execute("preprocess", PREPROCESS, context, time.monotonic())
    data = PreprocessOutputs.model_validate(result.outputs).data
    return result, context.store.read(data, Dataset)


def judged(context: Context, result: StepResult) -> StepResult:
    """Return what `validate_data` makes of it, which reads the samples."""
    request = StepRequest(
        inputs={"data": result.outputs["data"]},
        params={"recipe": "digits"},
        provenance=Provenance(run_id="run-2", recipe="digits"),
    )
    return execute("validate_data", request, context, time.monotonic())


def in_a_run(context: Context) -> Context:
    """Return the context as the shell gives it."""
    return Context(context.store, 0, Provenance(run_id="run-1", recipe="digits"))


def test_what_a_step_reads_is_made_again_in_the_same_run(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    """The reader finds it damaged, its maker runs once more, and the reader goes on: nobody has to do anything."""
    run = in_a_run(context)
    result, data = prepared(run)
    flip(context.store.blobs, f"artifacts/{data.samples.sha256}")

    verdict = judged(run, result)

    said = capsys.readouterr().out
    assert verdict.status == "ran"
    assert f"artifacts/{data.samples.sha256} is made again: preprocess" in said
    assert context.store.is_whole(data.samples)
    assert len(list(context.store.blobs.keys("damaged/"))) == 1


def test_a_document_and_what_it_names_are_made_again(context: Context) -> None:
    """The manifest of the data and its samples are both damaged: both come back, one after the other."""
    run = in_a_run(context)
    result, data = prepared(run)
    manifest = PreprocessOutputs.model_validate(result.outputs).data
    flip(context.store.blobs, f"artifacts/{data.samples.sha256}")
    context.store.blobs.replace(f"artifacts/{manifest.sha256}", b"{}")

    assert judged(run, result).status == "ran"
    assert context.store.is_whole(manifest)
    assert context.store.is_whole(data.samples)


def test_the_next_run_makes_again_what_is_gone(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    """A result whose document names a shard that is gone is no hit; the miss says why."""
    run = in_a_run(context)
    result, data = prepared(run)
    shard = next(iter(data.splits.values())).shards[0].examples["image"]
    context.store.blobs.delete(f"artifacts/{shard.sha256}")

    again = execute("preprocess", PREPROCESS, run, time.monotonic())

    assert (again.status, again.outputs) == ("ran", result.outputs)
    assert f"the store lost array {shard.sha256[:12]}" in capsys.readouterr().out
    assert context.store.is_whole(shard)
    assert execute("preprocess", PREPROCESS, run, time.monotonic()).status == "hit"


def test_what_nobody_made_is_damaged_and_says_so(context: Context) -> None:
    """Where no record names a maker the reader fails, as it must."""
    ref = {"uri": "x", "sha256": "1" * 64, "bytes": 1}

    with pytest.raises(Damaged, match="lost an artifact"):
        execute("validate_data", StepRequest(inputs={"data": ref}, params={"recipe": "d"}), context, time.monotonic())


@pytest.mark.parametrize("damage", ["empty", "garbage", "half", "other JSON", "another step's", "other outputs"])
def test_a_damaged_result_is_no_hit(context: Context, damage: str) -> None:
    """Whatever lies under the key, only what the step wrote is taken; the next run writes it anew."""
    run = in_a_run(context)
    result, _ = prepared(run)
    key = step_cache.result_key("preprocess", result.key)
    whole = context.store.blobs.read(key) or b""
    other = context.store.put_bytes(b"{}", DatasetRef)
    context.store.blobs.replace(
        key,
        {
            "empty": b"",
            "garbage": b"\xff\x00",
            "half": whole[: len(whole) // 2],
            "other JSON": b"[1]",
            "another step's": whole.replace(b'"step":"preprocess"', b'"step":"validate_data"'),
            "other outputs": whole.replace(result.outputs["data"]["sha256"].encode(), other.sha256.encode()).replace(
                f'"bytes":{result.outputs["data"]["bytes"]}'.encode(), b'"bytes":2'
            ),
        }[damage],
    )

    again = execute("preprocess", PREPROCESS, run, time.monotonic())

    assert (again.status, again.outputs) == ("ran", result.outputs)
    assert execute("preprocess", PREPROCESS, run, time.monotonic()).status == "hit"


@pytest.mark.parametrize("folder", ["keys/", "made/", "runs/"])
@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"[1]", b"{}", b"[" * 100_000])
def test_records_that_are_damaged_stop_nothing(context: Context, folder: str, damage: bytes) -> None:
    """What only explains, or only helps, is written anew."""
    run = in_a_run(context)
    prepared(run)
    context.store.blobs.replace("runs/run-1/steps/preprocess.json", b"{}")
    for key in list(context.store.blobs.keys(folder)):
        context.store.blobs.replace(key, damage)

    again = execute("preprocess", PREPROCESS.model_copy(update={"seed": 1}), run, time.monotonic())

    assert again.status == "ran"


def test_a_ledger_entry_that_is_damaged_is_refused_with_a_way_out(store: Store) -> None:
    """A gate that compares with the wrong subject would be silent: a person decides; after that it goes on."""
    for number in range(3):
        accepted.accept(store, "digits", "data", str(number) * 64, {})
    store.blobs.replace("ledger/digits/data/00000002.json", b"{")

    with pytest.raises(Refused) as refusal:
        accepted.previous(store, "digits", "data", "9" * 64)

    assert "ledger/digits/data/00000002.json" in refusal.value.problems[0].what
    assert "or delete it" in refusal.value.problems[0].fix
    store.blobs.delete("ledger/digits/data/00000002.json")
    accepted.accept(store, "digits", "data", "9" * 64, {})
    before = accepted.previous(store, "digits", "data", "9" * 64)
    assert before is not None
    assert before.subject == "2" * 64


def test_a_registry_that_is_damaged_is_refused_with_a_way_out(store: Store) -> None:
    """Moves and versions that cannot be read are no guess; what the fix says lets the registry go on."""
    registry = StoreRegistry(store)
    measurement = MeasurementRef(uri="x", sha256="0" * 64, bytes=1)
    for number in (1, 2):
        version = Version(
            name="digits",
            version=str(number),
            model_sha256=str(number) * 64,
            release_uri="x",
            measurement=measurement,
        )
        store.blobs.replace(f"registry/digits/versions/{number:08d}.json", version.to_json())
        registry.set_alias(
            "digits", "champion", Move(version=str(number)), expected=str(number - 1) if number > 1 else None
        )
    store.blobs.replace("registry/digits/aliases/champion/00000001.json", b"{")

    with pytest.raises(Refused) as refusal:
        registry.champion("digits")

    assert "aliases/champion/00000001.json" in refusal.value.problems[0].what
    store.blobs.delete("registry/digits/aliases/champion/00000001.json")
    registry.set_alias("digits", "champion", Move(version="1"), expected="2")
    champion = registry.champion("digits")
    assert champion is not None
    assert champion.version == "1"


@pytest.mark.parametrize("damage", ["flipped", "half", "empty", "another's"])
def test_a_damaged_checkpoint_begins_anew(store: Store, damage: str) -> None:
    """A training never goes on from bytes that are not its own."""
    history = TrainingHistory(stage="train", **dict.fromkeys(CURVES, (0.5,)))
    state = TrainingState(history, [np.ones(3)], [np.ones(2)], [])
    one, other = Checkpoint(store, "1" * 64), Checkpoint(store, "2" * 64)
    one.save(state)
    other.save(state)
    whole = store.blobs.read(one.key) or b""
    if damage == "flipped":
        flip(store.blobs, one.key)
    else:
        changed = {"half": whole[: len(whole) // 2], "empty": b"", "another's": store.blobs.read(other.key) or b""}
        store.blobs.replace(one.key, changed[damage])

    assert one.load() is None
    assert other.load() is not None


@pytest.mark.parametrize("damage", [b'{"op_code": 1, "wor', b"\xff\x00garbage\n", b"{}\n", b"[]\n"])
def test_a_damaged_study_goes_on_from_what_is_whole(tmp_path: Path, damage: bytes) -> None:
    """Half a line that a killed worker left, garbage in the middle: the trials before it stay, the whole is kept."""
    import optuna  # noqa: PLC0415 - a second that this test alone needs

    study = optuna.create_study(storage=open_storage(str(tmp_path), "s"), study_name="s")
    study.tell(study.ask(), 1.0)
    journal = tmp_path / "s.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + damage + whole)

    again = optuna.load_study(storage=open_storage(str(tmp_path), "s"), study_name="s")

    assert [trial.value for trial in again.trials] == [1.0]
    again.tell(again.ask(), 2.0)
    assert len(list(tmp_path.glob("s.journal.damaged-*"))) == 1
    mend(journal)
    assert len(list(tmp_path.glob("s.journal.damaged-*"))) == 1


@pytest.fixture
def rotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, set[str]]]:
    """Give a store on a server that answers with an error for the keys in the set, and well for all others."""
    kept: dict[str, bytes] = {}
    rotten_keys: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            key, _, question = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = 200, b""
            if self.command == "PUT":
                kept[key] = body
                rotten_keys.discard(key)
            elif self.command == "DELETE":
                kept.pop(key, None)
            elif "list-type" in question:
                prefix = parse_qs(question)["prefix"][0]
                names = sorted(name.split("/", 2)[2] for name in kept)
                items = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in names if name.startswith(prefix))
                answer = f"<ListBucketResult>{items}</ListBucketResult>".encode()
            elif key not in kept:
                status = 404
            else:
                status, answer = (500, b"") if self.command == "GET" and key in rotten_keys else (200, kept[key])
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815 - as http.server calls them

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        Variable.PATIENCE: "0.2",
    }.items():
        monkeypatch.setenv(name, value)
    yield Store(S3Blobs("s3://bucket")), rotten_keys
    server.shutdown()
    server.server_close()


def test_what_the_server_cannot_give_is_made_again(rotten: tuple[Store, set[str]]) -> None:
    """A disk that has rotted below the server: errors for one object for ever, and all else goes well."""
    store, keys = rotten
    run = in_a_run(Context(store))
    result, data = prepared(run)
    keys.add(f"/bucket/artifacts/{data.samples.sha256}")

    with pytest.raises(Damaged):
        store.read_bytes(data.samples)

    lost = list(store.lost(PreprocessOutputs.model_validate(result.outputs)))
    assert [ref.sha256 for ref in lost] == [data.samples.sha256]
    assert judged(run, result).status == "ran"
    assert store.is_whole(data.samples)
    assert list(store.lost(PreprocessOutputs.model_validate(result.outputs))) == []


def test_a_store_that_gives_nothing_is_away(rotten: tuple[Store, set[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is marked while the server gives nothing else either."""
    store, keys = rotten
    ref = store.put_bytes(DATA, SamplesRef)
    keys.add(f"/bucket/artifacts/{ref.sha256}")
    monkeypatch.setattr(store.blobs, "replace", _away)

    with pytest.raises(Unavailable):
        store.read_bytes(ref)

    assert list(store.blobs.keys("damaged/")) == []


def _away(key: str, data: bytes) -> None:
    raise Unavailable(Problem(f"{key} is out of reach", "an answer", f"{len(data)} bytes unsaid", "wait"))


@pytest.mark.parametrize(("name", "number"), [("other", "1"), ("digits", "2")])
def test_a_version_under_anothers_key_is_refused(store: Store, name: str, number: str) -> None:
    """A copied version would give apps another model under this name, with a signature that holds."""
    measurement = MeasurementRef(uri="x", sha256="0" * 64, bytes=1)
    version = Version(name=name, version=number, model_sha256="1" * 64, release_uri="x", measurement=measurement)
    store.blobs.replace("registry/digits/versions/00000001.json", version.to_json())
    registry = StoreRegistry(store)
    registry.set_alias("digits", "champion", Move(version="1"), expected=None)

    for look in (lambda: registry.champion("digits"), lambda: registry.list("digits")):
        with pytest.raises(Refused) as refusal:
            look()
        assert refusal.value.problems[0].got == f"version {number} of {name}"


@pytest.mark.parametrize("reference", ["9" * 5000, "0", "-1", "../1", "\u0663", ""])
def test_a_move_to_no_number_leads_nowhere(store: Store, reference: str) -> None:
    """Whatever a planted move names."""
    store.blobs.replace("registry/digits/aliases/champion/00000001.json", Move(version=reference).to_json())

    assert StoreRegistry(store).champion("digits") is None


def npy(shape: str, kind: str, data: bytes = b"") -> bytes:
    """Return a `.npy` file with this header."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    ("name", "content", "compression"),
    [
        ("weights_0000.npy", npy("(10000000000000,)", "<f4"), zipfile.ZIP_STORED),
        ("weights_0000.npy", npy("(1000000,)", "|u1", bytes(1_000_000)), zipfile.ZIP_DEFLATED),
        ("weights_0000.npy", npy("(1,)", "|O", b"\x80\x04N."), zipfile.ZIP_STORED),
        ("weights_0000.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118, zipfile.ZIP_STORED),
        ("history", b"no array", zipfile.ZIP_STORED),
    ],
)
def test_a_planted_checkpoint_begins_anew(store: Store, name: str, content: bytes, compression: int) -> None:
    """Its seal is no secret: what is under it makes no object, and takes no memory for what a header says."""
    checkpoint, buffer = Checkpoint(store, "1" * 64), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(name, content)
    data = buffer.getvalue()
    store.blobs.replace(checkpoint.key, hashlib.sha256(checkpoint.key.encode() + b"\0" + data).digest() + data)

    assert checkpoint.load() is None
