import { appendFileSync } from 'node:fs'

/** One line of the file that CONNECT_RUN_TEST_USAGE names: a server that was used, or one that was missing. */
export interface ServiceUse {
  readonly service: string
  /** Where the software comes from. */
  readonly origin?: string
  /** Why it is missing. */
  readonly missing?: string
}

/** Tells the test run what was used. Nothing happens where nobody asked. */
export function noteUse(use: ServiceUse): void {
  const file = process.env['CONNECT_RUN_TEST_USAGE']
  if (file) appendFileSync(file, `${JSON.stringify(use)}\n`)
}
