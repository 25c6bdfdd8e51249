# Callcard in a container: see docs/compose.md. Nothing is compiled or downloaded when it starts.

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
# The installer has an environment of its own, so that pip is no part of what runs.
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/callcard
WORKDIR /source
COPY requirements.lock ./
RUN /opt/installer/bin/pip --python /opt/callcard/bin/python install --no-cache-dir --disable-pip-version-check \
      --only-binary :all: --require-hashes --requirement requirements.lock
COPY . ./
# Builds the browser files as well (hatch_build.py).
RUN /opt/installer/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheel . \
 && /opt/installer/bin/pip --python /opt/callcard/bin/python install --no-cache-dir --disable-pip-version-check \
      --no-index --no-deps /wheel/*.whl

FROM debian:bookworm-slim
# pg_dump and pg_restore of the same version as docker-compose.yml's PostgreSQL: `callcard backup` and `restore`.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client-15 python3 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 8080 callcard \
 && useradd --system --uid 8080 --gid callcard --home-dir /var/lib/callcard --shell /usr/sbin/nologin callcard \
 && install --directory --owner=callcard --group=callcard --mode=0750 /var/lib/callcard
COPY --from=build /opt/callcard /opt/callcard
ENV PATH=/opt/callcard/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CALLCARD_HTTP=0.0.0.0:8080 \
    CALLCARD_VAR_DIR=/var/lib/callcard
WORKDIR /var/lib/callcard
USER callcard
VOLUME /var/lib/callcard
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
CMD ["callcard", "serve"]
