"""Choose the model that does best on the validation set, and measure it on the test set."""

import json
import shutil
from pathlib import Path

import valohai

from digits import Model, Split

validation = Split.load(valohai.inputs("validation-set").path())
test = Split.load(valohai.inputs("test-set").path())

paths = sorted(Path(path) for path in valohai.inputs("models").paths())
candidates = [(Model.load(path).accuracy(validation), path) for path in paths]
best_accuracy, best_path = max(candidates, key=lambda candidate: candidate[0])
best = Model.load(best_path)

shutil.copyfile(best_path, valohai.outputs().path("best_model.npz"))
Path(valohai.outputs().path("candidates.json")).write_text(
    json.dumps({path.name: accuracy for accuracy, path in candidates}, indent=2) + "\n"
)
with valohai.logger() as logger:
    logger.log("candidates", len(candidates))
    logger.log("best_model", best_path.name)
    logger.log("learning_rate", best.learning_rate)
    logger.log("regularisation", best.regularisation)
    logger.log("accuracy", best.accuracy(test))
