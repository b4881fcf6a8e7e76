# Stands in for the image redis: the real Redis as Debian has it.
ARG BASE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && install -d -o redis -g redis /data
WORKDIR /data
USER redis
VOLUME /data
