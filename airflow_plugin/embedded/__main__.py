"""Run ``python -m airflow_plugin.embedded``."""

import sys

from airflow_plugin.embedded import main

sys.exit(main())
