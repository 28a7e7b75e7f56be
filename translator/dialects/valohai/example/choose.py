"""Keep the model with the smallest loss."""

import json
import os
from pathlib import Path

models = [json.loads(file.read_text()) for file in Path(os.environ["VH_INPUTS_DIR"], "models").glob("*.json")]
best = min(models, key=lambda model: model["loss"])
Path(os.environ["VH_OUTPUTS_DIR"], "best.json").write_text(json.dumps(best))
print(json.dumps({"rate": best["rate"], "loss": round(best["loss"], 4)}))
