"""Run by a fresh environment: load each model folder, predict on its own example, print JSON.

    python -I fresh_predict.py FOLDER…

The environment holds the model's captured requirements and the scoring runtime, nothing else.
"""

import importlib.util
import json
import sys
import warnings


def main(folders):
    import mlpack.flavors

    # a warning would mean that the environment differs from the one that saved the model
    warnings.simplefilter("error", UserWarning)
    absent = [name for name in ("mlflow", "pytest", "hypothesis") if importlib.util.find_spec(name)]
    if absent:
        sys.exit(f"this environment is not fresh: {absent}")
    answers = {}
    for folder in folders:
        loaded = mlpack.flavors.load_model(folder, trust=mlpack.flavors.Trust(everything=True))
        answers[folder] = plain(loaded.predict(loaded.input_example()))
    print(json.dumps(answers))


def plain(value):
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    return value.tolist() if hasattr(value, "tolist") else value


if __name__ == "__main__":
    main(sys.argv[1:])
