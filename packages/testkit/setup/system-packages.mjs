// Finds programs, and installs system packages where that is allowed: as root with apt. Elsewhere it names the command.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian's name of a package -> the others' names. A null: the system has it, or there is no such package. */
const OTHER_NAMES = {
  'g++': { dnf: 'gcc-c++', apk: 'g++', brew: null },
  make: { dnf: 'make', apk: 'make', brew: null },
  python3: { dnf: 'python3', apk: 'python3', brew: 'python3' },
  'libssl-dev': { dnf: 'openssl-devel', apk: 'openssl-dev', brew: 'openssl@3' },
  'zlib1g-dev': { dnf: 'zlib-devel', apk: 'zlib-dev', brew: null },
  'libzstd-dev': { dnf: 'libzstd-devel', apk: 'zstd-dev', brew: 'zstd' },
  'libsasl2-dev': { dnf: 'cyrus-sasl-devel', apk: 'cyrus-sasl-dev', brew: null },
  'libcurl4-openssl-dev': { dnf: 'libcurl-devel', apk: 'curl-dev', brew: null },
  'default-jdk-headless': { dnf: 'java-17-openjdk-headless', apk: 'openjdk17-jdk', brew: 'openjdk@17' },
  maven: { dnf: 'maven', apk: 'maven', brew: 'maven' },
  kcat: { dnf: null, apk: 'kcat', brew: 'kcat' },
  'redis-server': { dnf: 'redis', apk: 'redis', brew: 'redis' },
  influxdb: { dnf: null, apk: 'influxdb', brew: 'influxdb@1' },
  openssl: { dnf: 'openssl', apk: 'openssl', brew: null },
}

const TOOLS = [
  { name: 'apt', program: 'apt-get', install: 'apt-get install -y --no-install-recommends', sudo: true },
  { name: 'dnf', program: 'dnf', install: 'dnf install -y', sudo: true },
  { name: 'apk', program: 'apk', install: 'apk add', sudo: true },
  { name: 'brew', program: 'brew', install: 'brew install', sudo: false },
]

const isRoot = () => process.getuid?.() === 0

/** The full path of a program, or undefined. */
export function findProgram(name, path = process.env.PATH ?? '') {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not here
    }
  }
  return undefined
}

/** The command a person would type to install the packages (given by Debian's names). */
export function installCommand(packages) {
  const tool = TOOLS.find((each) => findProgram(each.program))
  if (!tool) return `install by your system's package manager: ${packages.join(' ')}`
  const names = packages.map((name) => (tool.name === 'apt' ? name : OTHER_NAMES[name]?.[tool.name])).filter(Boolean)
  const sudo = tool.sudo && !isRoot() ? 'sudo ' : ''
  const update = tool.name === 'apt' ? `${sudo}apt-get update && ` : ''
  return names.length > 0 ? `${update}${sudo}${tool.install} ${names.join(' ')}` : `install ${packages.join(' ')}`
}

/**
 * Installs the packages (Debian's names) if it may: as root, with apt. Says so on standard error.
 * @returns undefined when installed, otherwise the reason with the command that a person can run.
 */
export async function ensureSystemPackages(packages, say = (line) => process.stderr.write(`${line}\n`)) {
  const command = installCommand(packages)
  if (!isRoot() || !findProgram('apt-get')) return `missing ${packages.join(', ')}; run: ${command}`
  say(`installing system packages: ${packages.join(' ')}`)
  const update = await updateOnce()
  if (update !== undefined) return `apt-get update failed: ${update}; run: ${command}`
  const failure = await run('apt-get', [
    'install',
    '-y',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...packages,
  ])
  return failure === undefined ? undefined : `apt-get install failed: ${failure}; run: ${command}`
}

let updated
function updateOnce() {
  updated ??= run('apt-get', ['update', '-o', 'DPkg::Lock::Timeout=300'])
  return updated
}

/** The last lines of what a failed command said; undefined on success. */
function run(program, args) {
  return new Promise((resolve) => {
    let output = ''
    // RUNLEVEL=1 keeps a freshly installed daemon from being started by its package.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (chunk) => {
      output = (output + chunk).slice(-4000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code) => resolve(code === 0 ? undefined : output.trim().split('\n').slice(-5).join('\n')))
  })
}

/** The first line that `program args` prints, or undefined if it does not run. */
export function firstLine(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 })
  return status === 0 ? `${stdout}${stderr}`.trim().split('\n')[0] : undefined
}
