"""`python -m e2e.tensorflow_serving --model_name=... --model_base_path=... --rest_api_port=8501`."""

import os
import sys

from e2e.tensorflow_serving.main import main

code = main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)  # at once: threads that wait for their next try to load must not hold up the exit
