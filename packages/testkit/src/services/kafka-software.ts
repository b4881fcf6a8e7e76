import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureSystemPackages, findProgram, firstLine } from '../../setup/system-packages.mjs'
import { cached, cacheFolder } from './cache-folder.ts'
import { containerCommand, containerEngine, hasImage } from './container-engine.ts'
import { runCommand } from './run-command.ts'
import { ServiceUnavailableError } from './service-unavailable.ts'

const RELEASES = { '3.9': '3.9.1', '4.2': '4.2.0' } as const

export type KafkaVersion = keyof typeof RELEASES

/** A Kafka that can be run here. */
export interface KafkaSoftware {
  /** `3.9.1` */
  readonly release: string
  /** For people: `Maven jars in …`, `image … in docker`. */
  readonly origin: string
  /** The command that runs a main class; `scratch` is the folder with its files. */
  java(args: readonly string[], scratch: string, containerName?: string): string[]
  /** Set when `java` runs in a container. */
  readonly engine?: string
}

const found = new Map<KafkaVersion, Promise<KafkaSoftware>>()

/** Finds or fetches a Kafka. Throws ServiceUnavailableError where that cannot be. */
export function kafkaSoftware(version: KafkaVersion): Promise<KafkaSoftware> {
  let software = found.get(version)
  if (!software) {
    software = find(RELEASES[version])
    found.set(version, software)
  }
  return software
}

async function find(release: string): Promise<KafkaSoftware> {
  return (await fromImage(release)) ?? (await fromMaven(release))
}

async function fromImage(release: string): Promise<KafkaSoftware | undefined> {
  const engine = await containerEngine()
  const image = `apache/kafka:${release}`
  if (!engine || !(await hasImage(engine, image))) return undefined
  return {
    release,
    origin: `image ${image} in ${engine}`,
    engine,
    java: (args, folder, name) =>
      containerCommand({ engine, image, program: 'java', folder, name }, ['-cp', '/opt/kafka/libs/*', ...args]),
  }
}

async function fromMaven(release: string): Promise<KafkaSoftware> {
  const java = await javaProgram()
  const folder = await cached(`kafka-${release}`, (draft) => fetchJars(release, draft))
  const jars = readdirSync(folder).filter((file) => file.endsWith('.jar')).length
  return {
    release,
    origin: `${jars} Maven jars in ${join(cacheFolder(), `kafka-${release}`)}`,
    java: (args) => [java, '-cp', join(folder, '*'), ...args],
  }
}

const JAVA_AT_LEAST = 17

async function javaProgram(): Promise<string> {
  const missing = findProgram('java') ? undefined : await ensureSystemPackages(['default-jdk-headless'])
  const program = findProgram('java')
  if (!program) throw new ServiceUnavailableError(`no Java to run Kafka: ${missing ?? 'none on the PATH'}`)
  const said = firstLine(program, ['-version']) ?? 'it does not run'
  if (Number(/version "(\d+)/.exec(said)?.[1] ?? 0) >= JAVA_AT_LEAST) return program
  throw new ServiceUnavailableError(`Kafka needs Java ${JAVA_AT_LEAST} or newer, and ${program} is no such: ${said}`)
}

async function fetchJars(release: string, folder: string): Promise<void> {
  if (!findProgram('mvn')) {
    const missing = await ensureSystemPackages(['maven'])
    if (missing) throw new ServiceUnavailableError(`no Maven to fetch Kafka with: ${missing}`)
  }
  const pom = join(folder, 'pom.xml')
  await writeFile(pom, pomOf(release))
  process.stderr.write(`fetching Kafka ${release} by Maven\n`)
  const fetch = ['mvn', '-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime']
  await runCommand([...fetch, `-DoutputDirectory=${folder}`]).catch((cause: unknown) => {
    throw new ServiceUnavailableError(`Maven could not fetch Kafka ${release}: ${String(cause)}`, { cause })
  })
}

function pomOf(release: string): string {
  const artifacts = ['kafka_2.13', 'connect-runtime', 'connect-file', 'kafka-tools']
  const dependencies = artifacts.map((name) => dependency('org.apache.kafka', name, release))
  dependencies.push(dependency('org.slf4j', 'slf4j-reload4j', '1.7.36')) // the artifacts have no logger of their own
  return `<project>
<modelVersion>4.0.0</modelVersion><groupId>connect-run</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`
}

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}
