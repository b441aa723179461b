# gluongan on the CPU:
#   docker build -t gluongan .
#   docker run --rm -v "$PWD:/work" gluongan train
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends g++ libgomp1 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir /src && rm -r /src
WORKDIR /work
ENTRYPOINT ["gluongan"]
