# fakewatch as a container, in two flavours:
#   docker build --target cpu -t fakewatch .
#   docker build --target gpu -t fakewatch:gpu .     then run with --gpus all
# It listens on all addresses inside the container; without a token or users it makes a token of its own in /data:
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8080:8080 -v fakewatch:/data \
#     -v ./token:/run/secrets/token:ro -e FAKEWATCH_AUTH__TOKEN_FILE=/run/secrets/token fakewatch
# compose.yaml does that, with a Prometheus and a Grafana.

FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/fakewatch
ENV PATH=/opt/fakewatch/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt ./
# The dependencies first, in a layer that changes of our own code do not undo.
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
 && pip install --constraint constraints.txt --requirement requirements.txt "psycopg[binary]"

FROM packages AS packages-cpu
RUN pip install --constraint constraints.txt onnxruntime
COPY . .
RUN pip install --no-deps .

FROM packages AS packages-gpu
# Brings the CUDA and cuDNN libraries as wheels: the host needs a driver and nothing else.
RUN pip install --constraint constraints.txt "onnxruntime-gpu[cuda,cudnn]"
COPY . .
RUN pip install --no-deps .

FROM python:3.11-slim-bookworm AS runtime
# ffmpeg receives SRT, for which PyAV's wheels are built without support.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin fakewatch \
 && install -d -o fakewatch -g fakewatch -m 755 /token
ENV PATH=/opt/fakewatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    FAKEWATCH_STORAGE__PATH=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/livez', timeout=3)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["fakewatch"]
CMD ["serve", "--host", "0.0.0.0"]

FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    FAKEWATCH_MODELS__DEVICE=cuda
COPY --from=packages-gpu /opt/fakewatch /opt/fakewatch

FROM runtime AS cpu
COPY --from=packages-cpu /opt/fakewatch /opt/fakewatch
