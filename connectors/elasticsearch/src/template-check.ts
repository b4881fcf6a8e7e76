import {
  type ConfigIssue,
  type TemplateSubject,
  isConnectError,
  parseTemplate,
  templateProblem,
} from '@connect-run/core'
import { IndexNames, dataStreamPart, indexName } from './operation/index-name.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'

type Config = ElasticsearchSinkConfig

interface Template {
  readonly path: ConfigIssue['path']
  readonly text: string
}

const subjects: readonly TemplateSubject[] = ['topic', 'key', 'value', 'header', 'time']

/** The value itself; only a parameter of a script can be that. */
const WHOLE_VALUE = '${value}'

/** Mistakes in the options that are made from records. */
export function checkTemplates(config: Config): ConfigIssue[] {
  const issues = templatesOf(config).flatMap(({ path, text }) => {
    const problem = text === WHOLE_VALUE && path[0] === 'update' ? undefined : templateProblem(text, subjects)
    return problem === undefined ? [] : [{ path, message: problem, ...hintFor(text) }]
  })
  return issues.length > 0 ? issues : [...checkNames(config), ...checkId(config), ...checkVersion(config)]
}

/** All options of the config that are made from records. */
export function templatesOf(config: Config): Template[] {
  const { index, dataStream, routing, id, version, update } = config
  const params = Object.entries(update?.script?.params ?? {}).flatMap(([name, value]) =>
    typeof value === 'string' ? [{ path: ['update', 'script', 'params', name], text: value }] : [],
  )
  const parts = nameParts.map((name) => ({ path: ['dataStream', name], text: dataStream?.[name] ?? '' }))
  return [
    { path: ['index'], text: index ?? '' },
    ...parts,
    { path: ['id'], text: id },
    { path: ['version'], text: version },
    { path: ['routing'], text: routing ?? '' },
    ...params,
  ]
}

const nameParts = ['type', 'dataset', 'namespace'] as const

/** `${user}` was meant as a field. */
function hintFor(text: string): { hint?: string } {
  const field = /\$\{([A-Za-z_][\w.-]*)\}/g
  const found = [...text.matchAll(field)].find(([whole]) => templateProblem(whole, subjects) !== undefined)?.[1]
  const isSubject = found === undefined || /^(?:topic|key|value|header|time)(?:\.|$)/.test(found)
  return isSubject ? {} : { hint: `Write \`\${value.${found}}\` for a field, \`\${header.${found}}\` for a header.` }
}

/** What stands in a name as it is must be what the server takes; what records put in is made so. */
function checkNames(config: Config): ConfigIssue[] {
  const { index, dataStream } = config
  const issues =
    dataStream === undefined
      ? checkText({ path: ['index'], text: index ?? '${topic}' }, indexName)
      : nameParts.flatMap((name) => checkText({ path: ['dataStream', name], text: dataStream[name] }, dataStreamPart))
  return issues.length > 0 ? issues : problemsOf(['index'], () => new IndexNames(config))
}

function checkText({ path, text }: Template, clean: (text: string) => string): ConfigIssue[] {
  // A character that no rule is about stands for each placeholder.
  const placeholders = text.match(placeholder) ?? []
  let count = 0
  const sample = text.replaceAll(placeholder, () => String.fromCharCode(FIRST_STAND_IN + count++))
  const issues = problemsOf(path, () => clean(sample))
  if (issues.length > 0 || clean(sample) === sample) return issues
  const allowed = clean(sample).replaceAll(
    standIn,
    (character) => placeholders[character.charCodeAt(0) - FIRST_STAND_IN]!,
  )
  const rules =
    'names are lower case, without `\\ / * ? " < > | , # :` and spaces, and don’t begin with `-`, `_` or `+`'
  const ofPart = path[0] === 'index' ? '' : '; a part of a data stream’s name has no `-`'
  return [
    { path, message: `\`${text}\` is no name that the server takes: ${rules}${ofPart}`, hint: `Write \`${allowed}\`.` },
  ]
}

const placeholder = /\$\{[^}]*\}/g
/** Private use. */
const FIRST_STAND_IN = 0xe000
const standIn = /[\ue000-\uf8ff]/g

function checkId({ id }: Config): ConfigIssue[] {
  if (id === 'coordinates' || id === 'key' || id === 'auto') return []
  const kinds = parseTemplate(id).map(({ kind }) => kind)
  if (kinds.some((kind) => kind === 'key' || kind === 'value' || kind === 'header')) return []
  const message = `\`${id}\` would be the id of many records, each of which replaces the one before`
  return [{ path: ['id'], message, hint: 'Write `coordinates`, `key`, `auto`, or a template such as `${value.id}`.' }]
}

function checkVersion({ version }: Config): ConfigIssue[] {
  if (version === 'none' || version === 'offset' || version.includes('${')) return []
  const hint = 'Write `none`, `offset`, or a template such as `${header.version}`.'
  return [{ path: ['version'], message: `\`${version}\` would be the version of every record`, hint }]
}

/** An issue for what the function throws. */
function problemsOf(path: ConfigIssue['path'], attempt: () => unknown): ConfigIssue[] {
  try {
    attempt()
    return []
  } catch (error) {
    if (!isConnectError(error)) throw error
    return [{ path, message: error.message, hint: 'Shorten or correct it.' }]
  }
}
