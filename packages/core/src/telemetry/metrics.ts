import { type MetricName, isMetricName } from './metric-names.ts'

export type Labels = Readonly<Record<string, string | number>>

/** Where the engine reports to. Called once a batch, not once a record; must not throw and must not wait. */
export interface Metrics {
  /** Adds to a counter. Connectors count too: a name that is not on the list is left out. */
  count(name: string, by: number, labels: Labels): void
  /** Sets a gauge. */
  gauge(name: MetricName, value: number, labels: Labels): void
  /** Adds an observation to a histogram. */
  observe(name: MetricName, value: number, labels: Labels): void
}

export interface MetricSample {
  readonly name: MetricName
  readonly labels: Labels
  /** The counter's sum, the gauge's value, the sum of a histogram's observations. */
  readonly value: number
  /** How many calls made it. */
  readonly observations: number
}

/** Metrics that can be read back. */
export interface ReadableMetrics extends Metrics {
  /** 0 where nothing was reported. With some of the labels, the sum over the others. */
  value(name: MetricName, labels?: Labels): number
  samples(): readonly MetricSample[]
}

export const noMetrics: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} }

export function createMetrics(): ReadableMetrics {
  const samples = new Map<string, MetricSample>()
  const update = (name: MetricName, labels: Labels, change: (value: number) => number): void => {
    const key = `${name} ${JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`
    const { value, observations } = samples.get(key) ?? { value: 0, observations: 0 }
    samples.set(key, { name, labels, value: change(value), observations: observations + 1 })
  }
  return {
    count: (name, by, labels) => isMetricName(name) && update(name, labels, (sum) => sum + by),
    gauge: (name, value, labels) => update(name, labels, () => value),
    observe: (name, value, labels) => update(name, labels, (sum) => sum + value),
    samples: () => [...samples.values()],
    value: (name, labels = {}) => {
      let sum = 0
      for (const sample of samples.values()) if (sample.name === name && has(sample.labels, labels)) sum += sample.value
      return sum
    },
  }
}

function has(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}
