"""Write points near the line y = 3x + 1."""

import json
import os
import random
from pathlib import Path

random.seed(0)
points = [(x / 10, 3 * x / 10 + 1 + random.uniform(-0.2, 0.2)) for x in range(50)]
Path(os.environ["VH_OUTPUTS_DIR"], "data.json").write_text(json.dumps(points))
print(json.dumps({"points": len(points)}))
