"""Run ``python -m prefect_plugin.embedded``."""

import logging
import sys

from prefect_plugin.embedded import main

status = main()
logging.disable()  # the temporary server logs its stop, which comes after this
sys.exit(status)
