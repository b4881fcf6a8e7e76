import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureSystemPackages, findProgram, firstLine } from '../../setup/system-packages.mjs'
import { runCommand } from './run-command.ts'
import { ServiceUnavailableError } from './service-unavailable.ts'

const JAVA_AT_LEAST = 17

/** The path of a Java that can run `what`. Throws ServiceUnavailableError where there is none to be had. */
export async function javaProgram(what: string): Promise<string> {
  const missing = findProgram('java') ? undefined : await ensureSystemPackages(['default-jdk-headless'])
  const program = findProgram('java')
  if (!program) throw new ServiceUnavailableError(`no Java to run ${what}: ${missing ?? 'none on the PATH'}`)
  const said = firstLine(program, ['-version']) ?? 'it does not run'
  if (Number(/version "(\d+)/.exec(said)?.[1] ?? 0) >= JAVA_AT_LEAST) return program
  throw new ServiceUnavailableError(`${what} needs Java ${JAVA_AT_LEAST} or newer, and ${program} is no such: ${said}`)
}

/** Maven keeps what it has got, so that another run goes on where one broke off. */
const ATTEMPTS = 3
const ATTEMPT_MS = 600_000

export interface MavenRun {
  /** For people: `Kafka 3.9.1`. */
  readonly what: string
  /** Gets the pom.xml. */
  readonly folder: string
  /** What stands in the pom's `project`, after its own name. */
  readonly pom: string
  /** Goals and options. */
  readonly args: readonly string[]
}

/** Fetches something by Maven, which is installed if need be. Throws ServiceUnavailableError where that cannot be. */
export async function fetchByMaven({ what, folder, pom, args }: MavenRun): Promise<void> {
  const missing = findProgram('mvn') ? undefined : await ensureSystemPackages(['maven'])
  if (missing) throw new ServiceUnavailableError(`no Maven to fetch ${what} with: ${missing}`)
  const file = join(folder, 'pom.xml')
  const name = '<groupId>connect-run</groupId><artifactId>test-services</artifactId><version>1</version>'
  await writeFile(file, `<project><modelVersion>4.0.0</modelVersion>${name}\n${pom}\n</project>\n`)
  process.stderr.write(`fetching ${what} by Maven\n`)
  for (let attempt = 1; ; attempt++) {
    try {
      await runCommand(['mvn', '-q', '-B', '-f', file, ...args], { timeoutMs: ATTEMPT_MS })
      return
    } catch (cause) {
      if (attempt < ATTEMPTS) continue
      throw new ServiceUnavailableError(`Maven could not fetch ${what}: ${String(cause)}`, { cause })
    }
  }
}
