"""Files of a run, for tests without a browser."""

import urllib.parse
from pathlib import Path


class Files:
    """Of a new run: written as a client would, looked at as a browser would."""

    def __init__(self, api):
        self.client = api.client
        self.run_id = api.run()
        uri = api.get("runs/get", run_id=self.run_id)["run"]["info"]["artifact_uri"]
        self.below = uri.removeprefix("mlflow-artifacts:/")
        self.folder = Path(api.client.application.config["store"].artifact_root) / self.below

    def put(self, path, content):
        address = urllib.parse.quote(f"{self.below}/{path}")
        url = f"/api/2.0/mlflow-artifacts/artifacts/{address}"
        assert self.client.put(url, data=content).status_code == 200
        return self

    def page(self, path="", **query):
        url = f"/runs/{self.run_id}/artifacts/{urllib.parse.quote(path)}"
        return self.client.get(url.rstrip("/"), query_string=query)

    def data(self, what, path, headers=None, **query):
        url = f"/ui/artifacts/runs/{self.run_id}/{what}"
        return self.client.get(url, query_string={"path": path, **query}, headers=headers)
