#!/bin/bash
# As the image does: KAFKA_SOME_NAME becomes the property some.name, and a new folder is formatted.
set -euo pipefail
config=/opt/kafka/server.properties
env | sed -nE 's/^KAFKA_([A-Z_]+)=/\1 /p' | while read -r name value; do
  name=${name,,}
  echo "${name//_/.}=$value"
done >"$config"
java -Xmx128m -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --ignore-formatted \
  -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$config"
exec java -Xms128m -Xmx512m -cp '/opt/kafka/libs/*' kafka.Kafka "$config"
