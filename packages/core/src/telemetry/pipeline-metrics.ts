import type { MetricName } from './metric-names.ts'
import type { Labels, Metrics } from './metrics.ts'

/** The metrics hook of one pipeline: its label is on everything. */
export interface PipelineMetrics {
  /** Connectors count too: a name that is not on the list is left out. */
  count(name: string, by?: number, labels?: Labels): void
  gauge(name: MetricName, value: number): void
  observe(name: MetricName, value: number): void
}

export function pipelineMetrics(metrics: Metrics, pipeline: string): PipelineMetrics {
  const own = { pipeline }
  return {
    count: (name, by = 1, labels = {}) => metrics.count(name, by, { ...own, ...labels }),
    gauge: (name, value) => metrics.gauge(name, value, own),
    observe: (name, value) => metrics.observe(name, value, own),
  }
}
