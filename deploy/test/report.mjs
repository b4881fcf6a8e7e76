import { complain, say } from '../../packages/testkit/setup/steps.mjs'

/** Runs named checks one after the other and counts them. */
export function createReport() {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  return {
    counts,
    /** Resolves to whether it passed. */
    async check(name, body) {
      const started = Date.now()
      try {
        await body()
        counts.passed++
        say(`✓ ${name}  ${((Date.now() - started) / 1000).toFixed(1)} s`)
        return true
      } catch (error) {
        counts.failed++
        complain(`✗ ${name}\n${error.stack}`)
        return false
      }
    },
    skip(names, reason) {
      for (const name of names) say(`- ${name}  skipped: ${reason}`)
      counts.skipped += names.length
    },
  }
}
