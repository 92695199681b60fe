"""Run by MLflow's Python: its own scoring helper as a client of our server.

score_ours.py PORT
"""

import json
import sys

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
client.wait_server_ready(timeout=60)
rows = pd.DataFrame(
    {
        "age": np.array([41, 23], dtype="int64"),
        "income": [52000.0, 31000.5],
        "city": ["Reykjavík", "Oslo"],
        "since": pd.to_datetime(["2020-01-01T12:30:00", "2024-05-05T00:00:00"]),
        "member": [True, None],
    },
    index=[7, 9],
)


def refusal(data, params=None):
    try:
        client.invoke(data, params)
    except Exception as error:  # it raises nothing more exact
        return str(error)
    return "accepted"


frame = client.invoke(rows, {"threshold": 0.25}).get_predictions()
records = json.dumps(
    {"dataframe_records": json.loads(rows.to_json(orient="records", date_format="iso"))}
)
seen = {
    "version": client.get_version(),
    "frame": frame.to_dict("list"),
    "kinds": frame.dtypes.map(lambda dtype: dtype.kind).to_dict(),
    "text": client.invoke(records).get_predictions().to_dict("list"),
    "array": client.invoke(rows).get_predictions("ndarray").shape,
    "missing column": refusal(rows.drop(columns="city")),
    "wrong param": refusal(rows, {"treshold": 1}),
    "gaps": client.invoke(rows.assign(income=[np.nan, np.inf], member=[np.nan, True]))
    .get_predictions()["score"]
    .isna()
    .tolist(),
    "gap among integers": refusal(rows.assign(age=[np.nan, 23])),
}
print("\n" + json.dumps(seen))
