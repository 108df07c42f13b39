"""azure-monitor-query: what a diagnostic setting delivers of a registry is asked for in a workspace."""

import datetime

import requests
from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsBatchQuery, LogsQueryClient, LogsQueryStatus

import groups
import registries
from steps import same, step

SERVER = f"{registries.NAME}.azurecr.io"
DAY = datetime.timedelta(days=1)
LOGINS = "ContainerRegistryLoginEvents"
REPOSITORIES = "ContainerRegistryRepositoryEvents"


def run(azure):
    group = f"/subscriptions/{azure.subscription}/resourceGroups/{groups.GROUP}"
    workspace = f"{group}/providers/Microsoft.OperationalInsights/workspaces/pythonlogs"
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/{registries.NAME}"
    setting = f"{registry}/providers/Microsoft.Insights/diagnosticSettings/python"
    put = azure.resources.resources.begin_create_or_update_by_id

    with step("a workspace is created"):
        body = {"location": "eastus", "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 30}}
        customer = put(workspace, body, api_version="2025-02-01").result().properties["customerId"]

    with step("a registry's events are delivered into it"):
        logs = [{"category": category, "enabled": True} for category in (LOGINS, REPOSITORIES)]
        body = {"properties": {"workspaceId": workspace, "logs": logs}}
        put(setting, body, api_version="2021-05-01-preview").result()

    with step("a manifest is pulled"):
        pull(azure, "nginx", "v1")

    client = LogsQueryClient(azure.credential)
    with step("the sign-in is found"):
        names, rows = ask(client, customer, f"{LOGINS} | where LoginServer == '{SERVER}' | project OperationName, ResultDescription")
        same(names, ["OperationName", "ResultDescription"])
        assert ("Login", "200") in rows, rows

    with step("the pull is found"):
        query = f"{REPOSITORIES} | where OperationName == 'Pull' and Repository == 'nginx' | project Tag, LoginServer, TimeGenerated"
        names, rows = ask(client, customer, query)
        same([(tag, server) for tag, server, _ in rows], [("v1", SERVER)])
        assert isinstance(rows[0][2], datetime.datetime), rows

    with step("columns have the types of the language"):
        result = client.query_workspace(customer, f"{REPOSITORIES} | summarize Pulls = count() by Repository", timespan=DAY)
        same([str(kind) for kind in result.tables[0].columns_types], ["string", "long"])

    with step("a time in which nothing was pulled"):
        begin = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
        result = client.query_workspace(customer, REPOSITORIES, timespan=(begin, DAY))
        same([len(table.rows) for table in result.tables], [0])

    with step("a query with statistics, and a limit to its time"):
        result = client.query_workspace(customer, LOGINS, timespan=DAY, include_statistics=True, server_timeout=60)
        assert result.statistics, "statistics"

    with step("several queries at once"):
        batch = [
            LogsBatchQuery(customer, f"{REPOSITORIES} | count", timespan=DAY),
            LogsBatchQuery(customer, "NoSuchTable | count", timespan=DAY),
        ]
        good, bad = client.query_batch(batch)
        same((good.status, good.tables[0].rows[0][0] > 0), (LogsQueryStatus.SUCCESS, True))
        same((bad.status, bad.code), (LogsQueryStatus.FAILURE, "BadArgumentError"))

    refused(client, "a query that is none", customer, f"{LOGINS} | wher x", 400, "BadArgumentError")
    nowhere = "0a210000-0000-4000-8000-00000000dead"
    refused(client, "a workspace that is not there", nowhere, LOGINS, 404, "WorkspaceNotFoundError")


def pull(azure, repository, tag):
    """Pulls a manifest as container engines do: exchange, token, manifest."""
    access = azure.credential.get_token("https://management.azure.com/.default").token
    form = {"grant_type": "access_token", "service": SERVER, "access_token": access}
    refresh = requests.post(f"https://{SERVER}/oauth2/exchange", data=form, timeout=30).json()["refresh_token"]
    scope = f"repository:{repository}:pull"
    form = {"grant_type": "refresh_token", "service": SERVER, "scope": scope, "refresh_token": refresh}
    token = requests.post(f"https://{SERVER}/oauth2/token", data=form, timeout=30).json()["access_token"]
    kinds = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    headers = {"authorization": f"Bearer {token}", "accept": kinds}
    answer = requests.get(f"https://{SERVER}/v2/{repository}/manifests/{tag}", headers=headers, timeout=30)
    same(answer.status_code, 200)


def ask(client, customer, query):
    """The one table of an answer: the names of its columns, and its rows."""
    result = client.query_workspace(customer, query, timespan=DAY)
    same(result.status, LogsQueryStatus.SUCCESS)
    table = result.tables[0]
    return list(table.columns), [tuple(row) for row in table.rows]


def refused(client, title, customer, query, status, code):
    """A query that ends in an error of this status and code."""
    with step(f"{title} is refused"):
        try:
            client.query_workspace(customer, query, timespan=DAY)
        except HttpResponseError as error:
            same((error.status_code, error.error.code), (status, code))
        else:
            raise AssertionError("it is answered")
