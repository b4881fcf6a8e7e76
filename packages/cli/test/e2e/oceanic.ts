import type { ProducedRecord } from '@connect-run/testkit/services'

export interface OceanicOptions {
  readonly brokers: string
  readonly url: string
  readonly topic: string
  readonly name?: string
  readonly database?: string
  readonly api?: 'cnosdb' | 'influxdb'
  /** Lines under `source:`. */
  readonly source?: string
  /** Lines under `sink:`. */
  readonly sink?: string
  /** Lines under the pipeline. */
  readonly pipeline?: string
}

/** The oceanic pipeline with addresses of a test. */
export function oceanicConfig(options: OceanicOptions): string {
  const { brokers, url, topic, name = topic, database = 'public', api = 'cnosdb' } = options
  return `
name: ${name}
pipelines:
  main:
    source:
      connector: kafka
      brokers: ${brokers}
      topics: [${topic}]
      value: json
${indent(options.source, 6)}
    sink:
      connector: cnosdb
      api: ${api}
      url: ${url}
      database: ${database}
      table: kafka_consumer
${indent(options.sink, 6)}
${indent(options.pipeline, 4)}
`
}

function indent(lines: string | undefined, by: number): string {
  return (lines ?? '').replaceAll(/^(?=.)/gm, ' '.repeat(by))
}

/** Readings as the original producer made them, spread over the partitions; `timestamp` is the same for all if given. */
export function* readings(
  count: number,
  { partitions = 4, timestamp }: { readonly partitions?: number; readonly timestamp?: number } = {},
): Generator<ProducedRecord> {
  for (let i = 0; i < count; i++) {
    const pressure = ((i * 7) % 100) / 10
    const temperature = ((i * 13) % 1000) / 10
    const visibility = ((i * 29) % 1000) / 10
    yield {
      value: `{"pressure": ${pressure.toFixed(1)}, "temperature": ${temperature.toFixed(1)}, "visibility": ${visibility.toFixed(1)}}`,
      partition: i % partitions,
      ...(timestamp !== undefined && { timestamp }),
    }
  }
}
