"""What other DAGs learn of a promotion."""

from __future__ import annotations

from types import SimpleNamespace

from airflow.sdk import Asset

from featherline.airflow.assets import CHAMPION, announce_champion


def test_a_promotion_says_what_became_champion():
    """Name, version, release and digest; and whether anything changed."""
    event = SimpleNamespace(extra=None)
    task = SimpleNamespace(request={"inputs": {"release": {"uri": "s3://bucket/releases/digits/abc"}}})
    result = {"registration": {"name": "digits", "version": "4", "model_sha256": "f" * 64}, "done_before": False}

    announce_champion({"task": task, "outlet_events": {CHAMPION: event}}, result)

    assert event.extra == {
        "name": "digits",
        "version": "4",
        "uri": "s3://bucket/releases/digits/abc",
        "sha256": "f" * 64,
        "changed": True,
    }


def test_another_dag_finds_the_asset_by_its_uri():
    """Airflow tells assets apart by name and URI; the name is the URI."""
    assert Asset("featherline://champion") == CHAMPION
