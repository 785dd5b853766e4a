# One image for everything: the server, the worker, the scheduler, migrations, backups and the sample MCP server.
FROM python:3.11-slim-trixie AS packages
WORKDIR /build
# For `manage.py backup` and `restore`: no older than the servers they speak to. The package would bring Perl along.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-17
COPY devtool/uv.lock requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r uv.lock \
 && python -m venv --without-pip /opt/venv \
 && uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/venv/bin/python requirements.lock

FROM python:3.11-slim-trixie
# What pg_dump and pg_restore are linked with; that they start is seen below.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libpq5 liblz4-1 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home gatehouse
# The disk is read-only where it runs: the processes of a node keep their figures in memory, in /tmp.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/figures
WORKDIR /app
COPY --from=packages /usr/lib/postgresql/17/bin/pg_dump /usr/lib/postgresql/17/bin/pg_restore /usr/local/bin/
COPY --from=packages /opt/venv /opt/venv
COPY manage.py LICENSE ./
COPY accounts accounts
COPY authserver authserver
COPY gatehouse gatehouse
COPY handles handles
COPY resourceserver resourceserver
COPY locale locale
COPY templates templates
COPY deploy/probe.py deploy/probe.py
# The key is for this one command and is in no layer's environment; static files do not depend on it.
RUN SECRET_KEY=only-to-collect-static-files python manage.py collectstatic --noinput --verbosity 0 \
 && pg_dump --version && pg_restore --version
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# /readyz answers within two seconds, whatever the database does.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "deploy/probe.py", "8000", "/readyz"]
CMD ["python", "-m", "authserver.serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
