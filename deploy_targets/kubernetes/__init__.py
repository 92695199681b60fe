"""Models on Kubernetes: the targets ``kubernetes`` (a Deployment of ours) and ``kserve``.

Both make plain manifests (`manifests`, `inference`), check them (`checks`), and apply them with
server-side apply (`cluster`), or write them to a folder for GitOps (`output`). What is made is
labelled, and nothing without the label is touched.
"""
