# Regulars in a container: the image has the program, /business the folder of one business.
# docs/operate.md says how to use it with compose.yaml.

FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY connectors connectors
COPY mapping mapping
COPY regulars regulars
COPY sandbox sandbox
COPY sync sync
COPY webhooks webhooks
RUN python -m venv /opt/regulars \
    && /opt/regulars/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 regulars \
    && install --directory --owner=regulars --group=regulars /business
COPY --from=build /opt/regulars /opt/regulars
ENV PATH="/opt/regulars/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    REGULARS_NO_KEYRING=1
USER 1000
WORKDIR /business
VOLUME /business
EXPOSE 8460
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8460/readyz', timeout=4)"]
ENTRYPOINT ["regulars"]
CMD ["serve", "--host", "0.0.0.0", "--log", "json"]
