# Stands in for apache/kafka: the real Kafka by its Maven jars, which are mounted at /jars for the build.
ARG BASE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless \
    && mkdir -p /opt/kafka/bin /opt/kafka/libs /var/lib/kafka/data \
    && cp /jars/*.jar /opt/kafka/libs/ && chown 1000:1000 /opt/kafka /var/lib/kafka/data
COPY --chmod=0755 kafka-run.sh /opt/kafka/run.sh
COPY --chmod=0755 kafka-broker-api-versions.sh /opt/kafka/bin/
USER 1000:1000
VOLUME /var/lib/kafka/data
CMD ["/opt/kafka/run.sh"]
