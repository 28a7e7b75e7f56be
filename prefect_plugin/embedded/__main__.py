"""Run ``python -m prefect_plugin.embedded``."""

import sys

from prefect_plugin.embedded import main

sys.exit(main())
