/**
 * What a metric is, and what it is told apart by. Label values are bounded: names from the config, and codes. Partitions
 * are no label, since a source of files has any number of them: `connect-run status --partitions` has those figures.
 */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

/** The closed list. Units are in the names; totals count from the start of the worker. */
export const metricNames = [
  'records_read_total',
  'records_written_total',
  'records_filtered_total',
  'records_skipped_total',
  'records_retried_total',
  'records_parked_total',
  'records_dead_lettered_total',
  'records_dropped_total',
  'records_released_total',
  'bytes_read_total',
  'batches_written_total',
  'batch_size_records',
  'poll_seconds',
  'put_seconds',
  'retries_total',
  'sink_breaker_open',
  'offset_commit_seconds',
  'offset_commit_failures_total',
  'rebalances_total',
  'partitions_assigned',
  'task_restarts_total',
  'pipeline_up',
  'in_flight_records',
  'in_flight_bytes',
  'offsets_lost_total',
  'records_late_total',
  'event_loop_delay_seconds',
] as const

export type MetricName = (typeof metricNames)[number]

const pipeline = ['pipeline'] as const

export const metricDefinitions: Readonly<Record<MetricName, MetricDefinition>> = {
  records_read_total: { kind: 'counter', help: 'Records taken from the source.', labels: pipeline },
  records_written_total: {
    kind: 'counter',
    help: 'Source records whose outcome is durable in the sink.',
    labels: pipeline,
  },
  records_filtered_total: { kind: 'counter', help: 'Records dropped on purpose by a transform.', labels: pipeline },
  records_skipped_total: {
    kind: 'counter',
    help: 'Records that are not for this sink, by its rules.',
    labels: pipeline,
  },
  records_retried_total: {
    kind: 'counter',
    help: 'Records given to the sink more than once, after an error that passes.',
    labels: pipeline,
  },
  records_parked_total: { kind: 'counter', help: 'Records set aside in the retry queue.', labels: pipeline },
  records_dead_lettered_total: {
    kind: 'counter',
    help: 'Records in the dead letter queue.',
    labels: pipeline,
  },
  records_dropped_total: {
    kind: 'counter',
    help: 'Records that failed and had no dead letter queue to go to.',
    labels: pipeline,
  },
  records_released_total: {
    kind: 'counter',
    help: 'Records given up with their partition or their task; whoever owns it next reads them again.',
    labels: pipeline,
  },
  bytes_read_total: { kind: 'counter', help: 'Bytes of keys and values taken from the source.', labels: pipeline },
  batches_written_total: { kind: 'counter', help: 'Batches that the sink took.', labels: pipeline },
  batch_size_records: { kind: 'histogram', help: 'Records of each batch given to the sink.', labels: pipeline },
  poll_seconds: { kind: 'histogram', help: 'How long a poll that returned records took.', labels: pipeline },
  put_seconds: { kind: 'histogram', help: 'How long a put took, failed ones included.', labels: pipeline },
  retries_total: {
    kind: 'counter',
    help: 'Calls made again after an error that passes, by its code.',
    labels: ['pipeline', 'code'],
  },
  sink_breaker_open: {
    kind: 'gauge',
    help: '1 while the sink fails and writes wait for one at a time that probes it.',
    labels: pipeline,
  },
  offset_commit_seconds: { kind: 'histogram', help: 'How long a commit of positions took.', labels: pipeline },
  offset_commit_failures_total: { kind: 'counter', help: 'Commits of positions that failed.', labels: pipeline },
  rebalances_total: { kind: 'counter', help: 'Times that partitions came or went.', labels: pipeline },
  partitions_assigned: { kind: 'gauge', help: 'Partitions that the source reads.', labels: pipeline },
  task_restarts_total: {
    kind: 'counter',
    help: 'Restarts of the task after a failure.',
    labels: pipeline,
  },
  pipeline_up: {
    kind: 'gauge',
    help: '1 while records can flow; 0 while starting, retrying, restarting or failed.',
    labels: pipeline,
  },
  in_flight_records: { kind: 'gauge', help: 'Records read and not yet done.', labels: pipeline },
  in_flight_bytes: { kind: 'gauge', help: 'Bytes of records read and not yet done.', labels: pipeline },
  offsets_lost_total: {
    kind: 'counter',
    help: 'Records that the source removed before they could be read (retention).',
    labels: pipeline,
  },
  records_late_total: {
    kind: 'counter',
    help: 'Rows of partitions that were given up, dropped on arrival; their new owner reads them.',
    labels: pipeline,
  },
  event_loop_delay_seconds: {
    kind: 'gauge',
    help: 'How long the worker held its event loop in 99 of 100 looks of the last 10 s, at most.',
    labels: [],
  },
}

export function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(metricDefinitions, name)
}
