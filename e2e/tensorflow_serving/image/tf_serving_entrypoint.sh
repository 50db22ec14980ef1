#!/bin/bash
# As in the tensorflow/serving image, bash stays process 1 and does not hand on signals.
tensorflow_model_server --port=8500 --rest_api_port=8501 \
  --model_name="${MODEL_NAME}" --model_base_path="${MODEL_BASE_PATH}/${MODEL_NAME}" "$@"
