import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache-folder.ts'
import { fetchByMaven, javaProgram } from './maven.ts'

export type SearchFlavor = 'opensearch' | 'elasticsearch7' | 'elasticsearch8'

interface Distribution {
  readonly product: 'OpenSearch' | 'Elasticsearch'
  readonly release: string
  readonly group: string
  /** Of the Maven zip, whose only folder is called by it and the release. */
  readonly artifact: string
  /** Modules that the zip lacks and Maven has as jars. */
  readonly modules: readonly SearchModule[]
}

interface SearchModule {
  readonly name: string
  readonly mainClass: string
  readonly extends: string
  /** `group:artifact:version` */
  readonly jars: readonly string[]
  /** What its code may do, where that is more than usual. */
  readonly permissions: readonly string[]
}

const OPENSEARCH = '2.19.1'

const DISTRIBUTIONS: Readonly<Record<SearchFlavor, Distribution>> = {
  opensearch: {
    product: 'OpenSearch',
    release: OPENSEARCH,
    group: 'org.opensearch.distribution.integ-test-zip',
    artifact: 'opensearch',
    modules: [
      {
        name: 'lang-painless',
        mainClass: 'org.opensearch.painless.PainlessPlugin',
        extends: '',
        jars: [
          `org.opensearch.plugin:lang-painless:${OPENSEARCH}`,
          `org.opensearch.plugin:opensearch-scripting-painless-spi:${OPENSEARCH}`,
          'org.antlr:antlr4-runtime:4.13.1',
          ...['asm', 'asm-util', 'asm-tree', 'asm-commons', 'asm-analysis'].map((name) => `org.ow2.asm:${name}:9.7`),
        ],
        permissions: ['createClassLoader', 'getClassLoader'],
      },
      {
        name: 'ingest-common',
        mainClass: 'org.opensearch.ingest.common.IngestCommonPlugin',
        extends: 'lang-painless',
        jars: [
          `org.opensearch.plugin:ingest-common:${OPENSEARCH}`,
          `org.opensearch:opensearch-grok:${OPENSEARCH}`,
          `org.opensearch:opensearch-dissect:${OPENSEARCH}`,
          'org.jruby.joni:joni:2.2.1',
          'org.jruby.jcodings:jcodings:1.0.61',
        ],
        permissions: [],
      },
    ],
  },
  elasticsearch7: elasticsearch('7.17.29'),
  elasticsearch8: elasticsearch('8.19.21'),
}

function elasticsearch(release: string): Distribution {
  const group = 'org.elasticsearch.distribution.integ-test-zip'
  return { product: 'Elasticsearch', release, group, artifact: 'elasticsearch', modules: [] }
}

/** A search server that can be run here. */
export interface SearchSoftware {
  readonly flavor: SearchFlavor
  readonly product: 'OpenSearch' | 'Elasticsearch'
  /** `2.19.1` */
  readonly release: string
  /** For people: `Maven zip in …`. */
  readonly origin: string
  /** The unpacked distribution. */
  readonly home: string
  /** The path of a Java to run it with. */
  readonly java: string
}

const found = new Map<SearchFlavor, Promise<SearchSoftware>>()

/** Finds or fetches a search server. Throws ServiceUnavailableError where that cannot be. */
export function searchSoftware(flavor: SearchFlavor): Promise<SearchSoftware> {
  let software = found.get(flavor)
  if (!software) {
    software = find(flavor)
    found.set(flavor, software)
  }
  return software
}

async function find(flavor: SearchFlavor): Promise<SearchSoftware> {
  const distribution = DISTRIBUTIONS[flavor]
  const { product, release, artifact } = distribution
  const java = await javaProgram(`${product} ${release}`)
  const folder = await cached(`${artifact}-${release}`, (draft) => fetchDistribution(distribution, draft))
  return { flavor, product, release, origin: `Maven zip in ${folder}`, home: homeIn(folder, distribution), java }
}

function homeIn(folder: string, { artifact, release }: Distribution): string {
  return join(folder, `${artifact}-${release}`)
}

async function fetchDistribution(distribution: Distribution, folder: string): Promise<void> {
  const { product, release, group, artifact, modules } = distribution
  const home = homeIn(folder, distribution)
  const zip = execution('zip', folder, [item(`${group}:${artifact}:${release}`, 'zip')])
  const copies = modules.map((module) => {
    const items = module.jars.map((jar) => item(jar, 'jar'))
    return execution(module.name, join(home, 'modules', module.name), items)
  })
  await fetchByMaven({
    what: `${product} ${release}`,
    folder,
    pom: `<build><plugins><plugin>
<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
<executions>${[zip, ...copies].join('\n')}</executions></plugin></plugins></build>`,
    args: ['dependency:unpack@zip', ...modules.map(({ name }) => `dependency:copy@${name}`)],
  })
  await Promise.all(modules.map((module) => describeModule(module, release, join(home, 'modules', module.name))))
}

function execution(id: string, folder: string, items: readonly string[]): string {
  const configuration = `<artifactItems>${items.join('\n')}</artifactItems><outputDirectory>${folder}</outputDirectory>`
  return `<execution><id>${id}</id><configuration>${configuration}</configuration></execution>`
}

function item(coordinates: string, type: 'zip' | 'jar'): string {
  const [group, artifact, version] = coordinates.split(':')
  const name = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
  return `<artifactItem>${name}<type>${type}</type></artifactItem>`
}

/** Writes what tells the server of a module that it did not come with. */
async function describeModule(module: SearchModule, release: string, folder: string): Promise<void> {
  const properties = {
    name: module.name,
    description: module.name,
    version: release,
    classname: module.mainClass,
    'java.version': '11',
    'opensearch.version': release,
    'custom.foldername': '',
    'extended.plugins': module.extends,
    'has.native.controller': 'false',
  }
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'plugin-descriptor.properties'), lines.join(''))
  if (module.permissions.length === 0) return
  const grants = module.permissions.map((name) => `  permission java.lang.RuntimePermission "${name}";\n`)
  await writeFile(join(folder, 'plugin-security.policy'), `grant {\n${grants.join('')}};\n`)
}
