import { type MetricName, isMetricName } from './metric-names.ts'
import type { Labels, Metrics } from './metrics.ts'

/** The metrics hook of one pipeline: its label is on everything. */
export interface PipelineMetrics {
  count(name: MetricName, by?: number, labels?: Labels): void
  gauge(name: MetricName, value: number): void
  observe(name: MetricName, value: number): void
  /** For connectors: a name that is not on the list is ignored, so that a connector may be newer than the engine. */
  countByName(name: string, by: number): void
}

export function pipelineMetrics(metrics: Metrics, pipeline: string): PipelineMetrics {
  const own = { pipeline }
  return {
    count: (name, by = 1, labels = {}) => metrics.count(name, by, { ...own, ...labels }),
    gauge: (name, value) => metrics.gauge(name, value, own),
    observe: (name, value) => metrics.observe(name, value, own),
    countByName: (name, by) => {
      if (isMetricName(name)) metrics.count(name, by, own)
    },
  }
}
