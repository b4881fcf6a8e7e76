import { describe, expect, it } from '@jest/globals'
import { judge, verdictLine } from '../../src/guard/verdict.ts'

const measured = (ratio: number, noise = 0.05): { ratio: number; noise: number; rounds: number } => ({
  ratio,
  noise,
  rounds: 3,
})

describe('a verdict', () => {
  it.each([
    [2, 0.05, 'held'],
    [2.39, 0.05, 'held'],
    [2.41, 0.05, 'lost'],
    [2.41, 0.1, 'held'],
    [2.31, 0, 'lost'],
    [1.7, 0.05, 'held'],
    [1.6, 0.05, 'gained'],
  ])('on %d with noise of %d, where 2 is recorded: %s', (ratio, noise, outcome) => {
    expect(judge('kafka-to-file', measured(ratio, noise), 2).outcome).toBe(outcome)
  })

  it('says what was measured, what was recorded and what would have passed', () => {
    expect(verdictLine(judge('kafka-to-file', measured(2.5), 2))).toBe(
      '✗ kafka-to-file: 2.50 times the CPU of kcat (3 rounds, noise 5.0 %); recorded 2.00, at most 2.40',
    )
    expect(verdictLine(judge('kafka-to-file', measured(1), 2))).toContain('; better than recorded')
  })

  it('cannot be given where nothing is recorded', () => {
    const verdict = judge('kafka-to-file', measured(2.5), undefined)
    expect(verdict).toMatchObject({ outcome: 'unknown', limit: undefined })
    expect(verdictLine(verdict)).toContain('nothing is recorded')
  })
})
