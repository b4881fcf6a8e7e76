import type { Check } from '../../src/conformance/check.ts'

/** Runs every check that the driver can be asked and returns the messages of those that fail, by name. */
export async function failures<Driver>(checks: readonly Check<Driver>[], driver: Driver): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  for (const check of checks) {
    if (check.appliesTo?.(driver) === false) continue
    await check.run(driver).catch((error: unknown) => failed.set(check.name, String(error)))
  }
  return failed
}
