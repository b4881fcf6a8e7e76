import { type ConfigIssue, isConnectError, templateProblem } from '@connect-run/core'
import { urlProblem } from '@connect-run/http'
import { escapeName, escapeTable } from './line-protocol/text.ts'
import { compileMapping } from './mapping.ts'
import { tagText } from './line-protocol/origin.ts'
import type { CnosdbSinkConfig } from './sink-config.ts'
import { compileTable, tableSubjects } from './table-template.ts'

type Path = ConfigIssue['path']

/** What the schema can't say. */
export function checkSink(config: CnosdbSinkConfig): readonly ConfigIssue[] {
  return [...checkUrl(config), ...checkTable(config), ...checkTime(config), ...checkTags(config), ...checkTypes(config)]
}

function checkUrl({ url }: CnosdbSinkConfig): ConfigIssue[] {
  const problem = urlProblem(url)
  return problem === undefined ? [] : [issue(['url'], problem, 'Use `username` and `password`, and `database`.')]
}

function checkTable({ table, preset, api }: CnosdbSinkConfig): ConfigIssue[] {
  if (table === undefined) {
    return preset === undefined ? [issue([], '`table` is missing', 'Add `table: kafka_consumer`, say.')] : []
  }
  const problem = templateProblem(table, tableSubjects)
  if (problem !== undefined) return [issue(['table'], problem)]
  const { fixed } = compileTable(table)
  return fixed === undefined ? [] : problemsOf(['table'], () => escapeTable(fixed, api))
}

function checkTime({ time }: CnosdbSinkConfig): ConfigIssue[] {
  if (time === undefined) return []
  const { field, unit, format } = time
  if (field === undefined) {
    return unit === undefined && format === undefined ? [] : [issue(['time'], '`time.field` is missing')]
  }
  if (unit === undefined && format === undefined) {
    return [
      issue(['time'], 'how is the time written?', 'Add `unit: ms` for a number, or `format: rfc3339` for a text.'),
    ]
  }
  return unit !== undefined && format !== undefined ? [issue(['time'], '`unit` and `format` exclude each other')] : []
}

function checkTags(config: CnosdbSinkConfig): ConfigIssue[] {
  const { static: fixed = {}, headers = [] } = config.tags ?? {}
  const mapping = compileMapping({ ...config, table: 'any' }, undefined)
  const issues = headers.flatMap((name, i) =>
    problemsOf(['tags', 'headers', i], () => escapeName(name, 'tag', config.api)),
  )
  for (const [name, value] of Object.entries(fixed)) {
    const path = ['tags', 'static', name]
    issues.push(...problemsOf(path, () => tagText(name, value, mapping)))
    const added = [
      ...headers,
      'index',
      ...(mapping.partitionTag ? ['partition'] : []),
      ...(config.tags?.topic === true ? ['topic'] : []),
    ]
    if (added.includes(name)) issues.push(issue(path, `the sink adds a tag \`${name}\` itself`))
  }
  return issues
}

function checkTypes({ api, fields }: CnosdbSinkConfig): ConfigIssue[] {
  if (api !== 'influxdb') return []
  const unsigned = Object.entries(fields?.types ?? {}).filter(([, type]) => type === 'unsigned')
  return unsigned.map(([name]) =>
    issue(['fields', 'types', name], 'InfluxDB 1.x has no unsigned integers', 'Use `bigint`.'),
  )
}

/** An issue for what the function throws. */
function problemsOf(path: Path, attempt: () => unknown): ConfigIssue[] {
  try {
    attempt()
    return []
  } catch (error) {
    if (!isConnectError(error)) throw error
    return [issue(path, error.message)]
  }
}

function issue(path: Path, message: string, hint?: string): ConfigIssue {
  return hint === undefined ? { path, message } : { path, message, hint }
}
