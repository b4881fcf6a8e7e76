import assert from 'node:assert/strict'
import { describe, it } from '@jest/globals'

/** One promise of a contract, as a function that rejects where a connector breaks it. */
export interface Check<Driver> {
  /** Reads on after the connector's name. */
  readonly name: string
  /** Whether the question makes sense for what the driver describes. Default: always. */
  readonly appliesTo?: (driver: Driver) => boolean
  readonly run: (driver: Driver) => Promise<void>
}

/** What a driver leaves out, by check name, each with its reason. */
export type Skipped = Readonly<Record<string, string>>

const CHECK_TIMEOUT_MS = 60_000

interface Planned<Driver> extends Check<Driver> {
  /** Why the driver leaves it out. */
  readonly reason: string | undefined
}

/** The checks that apply to the driver. */
export function plannedChecks<Driver extends { readonly skip?: Skipped }>(
  checks: readonly Check<Driver>[],
  driver: Driver,
): readonly Planned<Driver>[] {
  const names = new Set(checks.map((check) => check.name))
  for (const name of Object.keys(driver.skip ?? {})) assert.ok(names.has(name), `skip names no check: "${name}"`)
  const applying = checks.filter((check) => check.appliesTo?.(driver) !== false)
  return applying.map(({ name, run }) => ({ name, run, reason: driver.skip?.[name] }))
}

/** Registers the checks that apply as jest tests; one that the driver leaves out is a skipped test that says why. */
export function registerChecks<Driver extends { readonly skip?: Skipped }>(
  title: string,
  checks: readonly Check<Driver>[],
  driver: Driver,
): void {
  describe(title, () => {
    for (const { name, run, reason } of plannedChecks(checks, driver)) {
      if (reason === undefined) it(name, () => run(driver), CHECK_TIMEOUT_MS)
      else it.skip(`${name} (${reason})`, () => undefined)
    }
  })
}

/** Rejects with `what` where the promise takes longer. The promise itself goes on. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what} took longer than ${ms} ms` })), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The error that the promise rejects with; a failed assertion, such as a missed deadline, is passed on. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  assert.ok(outcome !== undefined, `${what} must reject`)
  if (outcome.error instanceof assert.AssertionError) throw outcome.error
  return outcome.error
}
