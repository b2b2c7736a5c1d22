# The image of every Convener process: worker, orchestrator and command line.
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY bus bus
COPY agents agents
RUN uv sync --frozen --no-dev --no-editable --compile-bytecode

FROM python:3.11-slim
RUN useradd --create-home convener && install --directory --owner=convener /keys
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH LANGSMITH_TRACING=false
USER convener
WORKDIR /home/convener
ENTRYPOINT ["convener"]
CMD ["worker"]
