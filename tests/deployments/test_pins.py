"""The pinned versions of Prefect, FastAPI and SQLAlchemy work together: a schedule really makes runs.

With SQLAlchemy 2.1 the server of Prefect 3.8 starts and runs what is asked for by hand, and silently schedules nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import prefect
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import CronSchedule


@prefect.flow
def nothing() -> None:
    """Deployed and scheduled; never run."""


def test_a_deployments_schedule_inserts_runs(prefect_server: str) -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    with SyncPrefectClient(prefect_server) as client:
        deployment_id = client.create_deployment(
            flow_id=client.create_flow(nothing),
            name="every-morning",
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 * * *", timezone="UTC"))],
        )
        client.request(
            "POST",
            "/deployments/{id}/schedule",
            path_params={"id": deployment_id},
            json={
                "start_time": start.isoformat(),
                "end_time": (start + timedelta(days=3)).isoformat(),
                "min_runs": 3,
            },
        )
        of_this = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
        runs = client.read_flow_runs(deployment_filter=of_this)
    starts = sorted(run.expected_start_time for run in runs if run.expected_start_time >= start)
    assert starts == [start + timedelta(days=day, hours=6) for day in range(3)]
