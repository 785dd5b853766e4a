# One image for everything: the server, the worker, the scheduler, migrations and the sample MCP server.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY devtool/uv.lock requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r uv.lock \
 && python -m venv --without-pip /opt/venv \
 && uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/venv/bin/python requirements.lock

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
RUN useradd --system --uid 10001 --no-create-home gatehouse
WORKDIR /app
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
RUN SECRET_KEY=only-to-collect-static-files python manage.py collectstatic --noinput --verbosity 0
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "deploy/probe.py", "8000", "/readyz"]
CMD ["python", "-m", "authserver.serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
