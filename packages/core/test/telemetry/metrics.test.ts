import { describe, expect, it } from '@jest/globals'
import { metricDefinitions, metricNames } from '../../src/telemetry/metric-names.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

describe('metrics', () => {
  it('add, set and observe, by label', () => {
    const metrics = createMetrics()
    metrics.count('records_read_total', 2, { pipeline: 'a' })
    metrics.count('records_read_total', 3, { pipeline: 'a' })
    metrics.count('records_read_total', 10, { pipeline: 'b' })
    metrics.gauge('partitions_assigned', 5, { pipeline: 'a', stream: 's', partition: 0 })
    metrics.gauge('partitions_assigned', 4, { partition: 0, stream: 's', pipeline: 'a' })
    metrics.observe('put_seconds', 0.5, { pipeline: 'a' })
    metrics.observe('put_seconds', 0.25, { pipeline: 'a' })
    expect(metrics.value('records_read_total', { pipeline: 'a' })).toBe(5)
    expect(metrics.value('records_read_total')).toBe(15)
    expect(metrics.value('partitions_assigned')).toBe(4)
    expect(metrics.samples().find(({ name }) => name === 'put_seconds')).toMatchObject({ value: 0.75, observations: 2 })
    expect(metrics.value('retries_total')).toBe(0)
  })

  it('leave out a name that is not on the list', () => {
    const metrics = createMetrics()
    metrics.count('made_up_total', 1, {})
    metrics.count('constructor', 1, {})
    expect(metrics.samples()).toEqual([])
  })

  it.each(metricNames)('%s is documented and named by its kind and unit', (name) => {
    const { kind, help, labels } = metricDefinitions[name]
    expect(help).toMatch(/\.$/)
    expect(labels[0]).toBe(name.startsWith('event_loop_') ? undefined : 'pipeline')
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/)
  })
})
