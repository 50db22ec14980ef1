# The operator, the command line, and the init container that fetches models: one image.
#
#   docker build -t modelrollout .
#
# Three stages on one base: the protobuf messages of TensorFlow, the packages, and what is left of them to run.
ARG BASE=python:3.11-slim

# tensorflow-serving-api needs some of TensorFlow's generated modules and nothing else of it: half a megabyte out of a
# package of a quarter of a gigabyte. They are the same for every platform, so that one platform's package will do.
FROM ${BASE} AS messages
COPY requirements.lock /build/
RUN sed -n 's/^tensorflow-serving-api==/tensorflow-cpu==/p' /build/requirements.lock > /build/wanted \
 && pip download --quiet --no-cache-dir --no-deps --only-binary :all: --python-version 3.11 \
      --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 --dest /build --requirement /build/wanted \
 && python3 -c "import glob, zipfile; \
wheel = zipfile.ZipFile(glob.glob('/build/tensorflow_cpu-*.whl')[0]); \
wheel.extractall('/messages', [name for name in wheel.namelist() if name.endswith('_pb2.py')])" \
 && rm -r /build

FROM ${BASE} AS packages
RUN python3 -m venv --without-pip /opt/modelrollout
COPY requirements.lock /build/
# Without dependencies: the lock is complete, and tensorflow-serving-api would bring all of TensorFlow (2 GB).
RUN pip --python /opt/modelrollout/bin/python install --quiet --no-cache-dir --no-compile --no-deps \
      --requirement /build/requirements.lock \
 && find /opt/modelrollout -depth -type d -name tests -exec rm -r {} + \
 && find /opt/modelrollout \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.a' \) -delete
COPY --from=messages /messages/ /opt/modelrollout/lib/python3.11/site-packages/
# Compiled here, because the file system is read-only later and each start would compile anew. The typed models of
# Kubernetes' client are not loaded by the operator: compiled, they would be the largest part of the image.
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -x 'kubernetes/(aio/)?client/(models|api)/' /opt/modelrollout/lib
COPY pyproject.toml README.md LICENSE /build/
COPY operator/ /build/operator/
RUN pip --python /opt/modelrollout/bin/python install --quiet --no-cache-dir --no-compile --no-deps /build \
 && python3 -m compileall -q --invalidation-mode unchecked-hash \
      /opt/modelrollout/lib/python3.11/site-packages/modelrollout

FROM ${BASE}
LABEL org.opencontainers.image.title="ModelRollout"
LABEL org.opencontainers.image.description="Releases machine-learning models safely on Kubernetes"
LABEL org.opencontainers.image.licenses="Apache-2.0"
COPY --from=packages /opt/modelrollout /opt/modelrollout
# USER: kopf asks for the user's name, and the number below, or the one that a cluster chooses, has none.
# Two arenas: each thread would have one of its own otherwise, and none gives back what the answers of Prometheus took.
ENV MALLOC_ARENA_MAX=2
ENV PATH=/opt/modelrollout/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp USER=modelrollout
# A number and not a name, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["modelrollout"]
CMD ["--help"]
