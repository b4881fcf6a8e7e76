import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cached, cacheFolder } from './cache-folder.ts'
import { containerCommand, containerEngine, hasImage } from './container-engine.ts'
import { fetchByMaven, javaProgram } from './maven.ts'

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
  const java = await javaProgram('Kafka')
  const folder = await cached(`kafka-${release}`, (draft) => fetchJars(release, draft))
  const jars = readdirSync(folder).filter((file) => file.endsWith('.jar')).length
  return {
    release,
    origin: `${jars} Maven jars in ${join(cacheFolder(), `kafka-${release}`)}`,
    java: (args) => [java, '-cp', join(folder, '*'), ...args],
  }
}

async function fetchJars(release: string, folder: string): Promise<void> {
  await fetchByMaven({
    what: `Kafka ${release}`,
    folder,
    pom: dependencies(release),
    args: ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
  })
}

function dependencies(release: string): string {
  const artifacts = ['kafka_2.13', 'connect-runtime', 'connect-file', 'kafka-tools']
  const all = artifacts.map((name) => dependency('org.apache.kafka', name, release))
  all.push(dependency('org.slf4j', 'slf4j-reload4j', '1.7.36')) // the artifacts have no logger of their own
  return `<dependencies>${all.join('\n')}</dependencies>`
}

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}
