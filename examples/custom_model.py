"""A model of your own: any Python, files of its own, and parameters at prediction time.

    python examples/custom_model.py

The model looks up the sentiment of words in a word list that is stored with it (a *context
artifact*), and takes a `threshold` with each request (an *inference parameter*).
"""

import json
import tempfile
from pathlib import Path

import pandas as pd

import mlpack
from mlpack.pyfunc import PythonModel

WORDS = {"good": 1.0, "great": 2.0, "fine": 0.5, "bad": -1.0, "awful": -2.0}


class Sentiment(PythonModel):
    """Adds up the weights of the words of a text."""

    def load_context(self, context):
        self.words = json.loads(Path(context.artifacts["words"]).read_text())

    def predict(self, context, model_input, params=None):
        threshold = (params or {}).get("threshold", 0.0)
        scores = [
            sum(self.words.get(word, 0.0) for word in text.lower().split())
            for text in model_input["text"]
        ]
        return pd.DataFrame({"score": scores, "positive": [s > threshold for s in scores]})


def main() -> None:
    texts = pd.DataFrame({"text": ["a great day", "awful weather", "fine I guess"]})
    mlpack.set_experiment("custom-model")
    with tempfile.TemporaryDirectory() as folder, mlpack.start_run() as run:
        words = Path(folder, "words.json")
        words.write_text(json.dumps(WORDS))
        mlpack.pyfunc.log_model(
            python_model=Sentiment(),
            name="model",
            artifacts={"words": str(words)},
            input_example=(texts, {"threshold": 0.0}),
        )

    uri = f"runs:/{run.info.run_id}/model"
    model = mlpack.pyfunc.load_model(uri)
    print(model.predict(texts))
    print(model.predict(texts, params={"threshold": 1.0}))
    print(f"\nServe it:  mlpack serve -m {uri}")


if __name__ == "__main__":
    main()
