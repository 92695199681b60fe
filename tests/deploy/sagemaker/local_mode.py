"""Run by the Python that has the SageMaker SDK: its local mode takes our image as a stranger would.

Reads JSON from standard input: image, folder, port, body (an example), rows (a CSV). Prints JSON:
what the endpoint answered, and what the batch wrote.
"""

import json
import os
import sys
import tarfile
import time
from pathlib import Path

from sagemaker.local import LocalSession

asked = json.load(sys.stdin)
folder = Path(asked["folder"])
(folder / "in").mkdir()
(folder / "in" / "rows.csv").write_text(asked["rows"])
(folder / "out").mkdir()
(folder / "data").mkdir()
data = folder / "data" / "model.tar.gz"
with tarfile.open(data, "w:gz") as tar:
    tar.add(asked["model"], arcname="model")

session = LocalSession()
session.config = {
    "local": {"local_code": True, "serving_port": asked["port"], "container_root": str(folder)}
}
client, runtime = session.sagemaker_client, session.sagemaker_runtime_client
client.create_model(
    ModelName="churn",
    PrimaryContainer={
        "Image": asked["image"],
        "ModelDataUrl": f"file://{data}",
        # local mode, unlike SageMaker, leaves the archive in the folder that it is unpacked in
        "Environment": {"MLPACK_MODEL_PATH": "/opt/ml/model/model", "MLPACK_WORKERS": "1"},
    },
    ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
)
client.create_endpoint_config(
    EndpointConfigName="churn",
    ProductionVariants=[
        {
            "VariantName": "main",
            "ModelName": "churn",
            "InitialInstanceCount": 1,
            "InstanceType": "local",
        }
    ],
)
client.create_endpoint(EndpointName="churn", EndpointConfigName="churn")
try:
    answer = runtime.invoke_endpoint(
        Body=asked["body"].encode(), EndpointName="churn", ContentType="application/json"
    )
    answered = answer["Body"].read().decode()
finally:
    client.delete_endpoint(EndpointName="churn")

client.create_transform_job(
    TransformJobName="churn",
    ModelName="churn",
    TransformInput={
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{folder}/in"}},
        "ContentType": "text/csv",
        "SplitType": "None",
    },
    TransformOutput={"S3OutputPath": f"file://{folder}/out", "Accept": "application/json"},
    TransformResources={"InstanceType": "local", "InstanceCount": 1},
    BatchStrategy="MultiRecord",
    MaxPayloadInMB=6,
)
while client.describe_transform_job("churn")["TransformJobStatus"] not in ("Completed", "Failed"):
    time.sleep(0.1)
written = {p.name: p.read_text() for p in (folder / "out").rglob("*") if p.is_file()}
sys.stdout.flush()
os.write(1, b"\n" + json.dumps({"answer": answered, "batch": written}).encode())
