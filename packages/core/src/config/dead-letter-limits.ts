import type { ObjectSchema } from '../api/config-schema.ts'
import type { DeadLetterLimits } from './pipeline-config.ts'
import { parseDuration } from './units.ts'

/** As a user writes them: `1000/1m`, `5%/10m`. */
export interface DeadLetterLimitOptions {
  readonly maxRate?: string
  readonly maxShare?: string
}

const DURATION = '\\d+(\\.\\d+)?(ms|s|m|h|d)'

/** Beside whatever says where dead letters go. */
export const deadLetterLimits: ObjectSchema<DeadLetterLimitOptions>['properties'] = {
  maxRate: {
    type: 'string',
    pattern: `^\\d+/${DURATION}$`,
    errorMessage: 'must be a number of records within a time, like 1000/1m',
    description: 'Most dead letters within a time. Beyond it the pipeline stops and loses nothing.',
    examples: ['1000/1m'],
  },
  maxShare: {
    type: 'string',
    pattern: `^\\d+(\\.\\d+)?%/${DURATION}$`,
    errorMessage: 'must be a share of the records read within a time, like 5%/10m',
    description:
      'Most dead letters as a share of what was read within a time, once that is 100 records. Beyond it the pipeline stops and loses nothing.',
    examples: ['5%/10m'],
  },
}

/** What the schema above has let through. */
export function parseLimits({ maxRate, maxShare }: DeadLetterLimitOptions): DeadLetterLimits | undefined {
  if (maxRate === undefined && maxShare === undefined) return undefined
  const rate = maxRate === undefined ? undefined : halves(maxRate)
  const share = maxShare === undefined ? undefined : halves(maxShare)
  return {
    maxRate: rate && { records: Number(rate.amount), windowMs: rate.windowMs },
    maxShare: share && { share: Number(share.amount.slice(0, -1)) / 100, windowMs: share.windowMs },
  }
}

function halves(text: string): { readonly amount: string; readonly windowMs: number } {
  const [amount = '', window = ''] = text.split('/')
  return { amount, windowMs: parseDuration(window) ?? 0 }
}
