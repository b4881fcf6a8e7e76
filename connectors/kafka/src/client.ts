// The only place of the workspace that imports node-rdkafka.
// It is CommonJS: only its default export is complete when seen from an ES module.
import Kafka from 'node-rdkafka'

export default Kafka
export type * from 'node-rdkafka'
