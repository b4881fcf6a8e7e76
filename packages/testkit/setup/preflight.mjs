// What the machine must have before anything is installed. As root with apt, what is missing is installed here.
import { spawnSync } from 'node:child_process'
import { ensureSystemPackages, findProgram } from './system-packages.mjs'
import { StepError, complain, runIfMain, step } from './steps.mjs'

const NODE = [20, 20]

const PROGRAMS = [
  { program: 'g++', package: 'g++', why: 'the Kafka client is compiled' },
  { program: 'make', package: 'make', why: 'the Kafka client is compiled' },
  { program: 'python3', package: 'python3', why: 'node-gyp, which compiles the Kafka client, is written in it' },
]

const HEADERS = [
  { header: 'zstd.h', package: 'libzstd-dev', why: 'topics compressed with zstd cannot be read' },
  { header: 'openssl/ssl.h', package: 'libssl-dev', why: 'no TLS and no SASL SCRAM' },
  { header: 'zlib.h', package: 'zlib1g-dev', why: 'topics compressed with gzip cannot be read' },
  { header: 'sasl/sasl.h', package: 'libsasl2-dev', why: 'no Kerberos (GSSAPI)' },
  { header: 'curl/curl.h', package: 'libcurl4-openssl-dev', why: 'no OAUTHBEARER by OIDC' },
]

/** Throws where the Node that runs this is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return
  throw new StepError(`Node ${process.versions.node} is too old: ${NODE.join('.')} or newer is needed`, 3)
}

export async function preflight() {
  checkNode()
  const warnings = await step('toolchain', async () => {
    await requirePrograms()
    return wantHeaders()
  })
  for (const warning of warnings) complain(`! ${warning}`)
}

async function requirePrograms() {
  const missing = PROGRAMS.filter((each) => !findProgram(each.program))
  if (missing.length === 0) return
  const packages = missing.map((each) => each.package)
  const reason = await ensureSystemPackages(packages)
  if (reason === undefined) return
  const list = missing.map((each) => `  ${each.program}: ${each.why}`).join('\n')
  throw new StepError(`This machine lacks\n${list}\n${reason}`, 3)
}

/** The warnings for what could not be installed. */
async function wantHeaders() {
  const missing = absentHeaders()
  if (missing.length === 0) return []
  const reason = await ensureSystemPackages(missing.map((each) => each.package))
  if (reason === undefined) return []
  return [...absentHeaders().map((each) => `without ${each.package} ${each.why}`), reason]
}

function absentHeaders() {
  const source = HEADERS.map(({ header }, index) => `#if __has_include(<${header}>)\nhave${index}\n#endif\n`).join('')
  const { stdout } = spawnSync('g++', ['-E', '-P', '-x', 'c++', '-'], { input: source, encoding: 'utf8' })
  const present = new Set((stdout ?? '').split(/\s+/))
  return HEADERS.filter((_, index) => !present.has(`have${index}`))
}

runIfMain(import.meta.url, preflight)
