"""The target ``azureml``: models behind endpoints of Azure Machine Learning.

| file | holds |
|---|---|
| `options.py` | the settings and what they must be |
| `place.py` | which workspace, in which cloud, from options, variables and the usual files |
| `arm.py` | reading the workspace over REST, with azure-identity's credentials |
| `failures.py` | what Azure's error codes mean, and what to try |
| `source.py` | what is deployed (an image, a folder) and the digest that names it |
| `documents.py` | exactly what is sent: documents in Azure's own YAML schema |
| `state.py` | what is there: endpoints, their deployments, their tags |
| `sdk.py` | changing things with azure-ai-ml, and waiting for it |
| `registry.py` | the workspace's container registry |
| `rollout.py` | create, update, roll back, delete |
| `scoring.py` | keys and tokens, requests, logs |
| `target.py` | the `DeployTarget` |

Looking goes over REST, because importing azure-ai-ml takes seconds; changing goes through it,
because its requests are those that Azure's own tools send.
"""
