import type { WorkerConfig } from '@connect-run/core/runtime'

import type { EmbeddedServices, Host } from '../host.ts'
import type { Screen } from '../output/screen.ts'
import { counted, table } from '../output/table.ts'
import { type Loaded, loadConfigs } from './load-configs.ts'

const rowsShown = 5

/** Brings up the servers of `--embedded` and says where they are; undefined where this installation has none. */
export async function startDemo(host: Host, err: Screen): Promise<EmbeddedServices | undefined> {
  try {
    const services = await host.startEmbedded()
    const where = Object.entries(services.env).map(([name, value]) => `${err.style.dim(`${name}=`)}${value}`)
    err.line(`${err.style.bold('embedded servers')}  ${where.join('  ')}\n`)
    return services
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    err.line(err.style.red(`The embedded servers cannot be started: ${message ?? String(error)}`))
    const install = '--embedded needs the package @connect-run/testkit: npm install --save-dev @connect-run/testkit'
    err.line(err.style.cyan(isAbsent ? install : 'Is everything built? In the workspace: npm run build'))
    return undefined
  }
}

/** The configs that others name in `embedded.files`, each once. */
export async function withCompanions(configs: readonly WorkerConfig[], env: Host['env'], host: Host): Promise<Loaded> {
  const files = [...new Set(configs.flatMap(({ embedded }) => embedded?.files ?? []))]
  return loadConfigs(files, env, host)
}

/** The first rows of a query, as a table; or why there are none, when the run was stopped before the table was made. */
export async function printQuery(sql: string, services: EmbeddedServices, out: Screen): Promise<void> {
  const result = await services.query(sql).catch((error: unknown) => error)
  if (result instanceof Error) return out.line(`\n${out.style.bold(sql)}  ${out.style.dim(result.message)}\n`)
  const { columns, rows } = result as Awaited<ReturnType<EmbeddedServices['query']>>
  out.line(`\n${out.style.bold(sql)}  ${out.style.dim(counted(rows.length, 'row'))}\n`)
  const titles = columns.map((title, c) => {
    const isNumeric = rows.every((row) => /^-?[\d.]*$/.test(row[c] ?? ''))
    return { title, align: isNumeric ? ('right' as const) : ('left' as const) }
  })
  for (const line of table(titles, rows.slice(0, rowsShown), out.style)) out.line(line)
  if (rows.length > rowsShown) out.line(out.style.dim('…'))
}
