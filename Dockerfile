# One image for every process: web, worker, beat, runner, mllp and the one-shot migrate.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
# Hashes: what was not locked is not installed.
RUN /opt/venv/bin/pip install --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PRRT_VAR_DIR=/var/lib/prrt PRRT_STATIC_DIR=/srv/prrt/static
# What lays out the printed papers, and a font that has every sign in them.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin prrt \
    && install -d -o prrt -g prrt -m 0750 /var/lib/prrt && install -d /srv/prrt/static \
    && install -d -o prrt -g prrt -m 0770 /srv/prrt/drop
WORKDIR /srv/prrt
COPY --from=build /opt/venv /opt/venv
COPY manage.py ./
COPY prrt_clinic ./prrt_clinic
COPY alerts ./alerts
COPY courses ./courses
COPY labs ./labs
# Collected while building, under the settings of a demonstration: no secret of any clinic is in the image.
RUN PRRT_ENV=demo python manage.py collectstatic --noinput --verbosity 0 \
    && rm -f /var/lib/prrt/*
USER prrt
EXPOSE 8000 2575
STOPSIGNAL SIGTERM
# For the web process; docker-compose.yml gives each other service its own.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "manage.py", "probe", "web"]
CMD ["gunicorn", "prrt_clinic.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8"]
