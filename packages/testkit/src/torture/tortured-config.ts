import { parse, stringify } from 'yaml'

type Options = Readonly<Record<string, unknown>>

export interface TorturedPipeline {
  readonly name: string
  /** Options set over the user's own; undefined takes one away. */
  readonly source: Options
  readonly sink: Options
  /** Where dead letters go if there are any: the topic of this pipeline's own. */
  readonly deadLetters: Options
}

export interface TorturedConfig {
  readonly name: string
  readonly stateUrl: string
  readonly pipelines: readonly TorturedPipeline[]
}

interface File extends Options {
  readonly state?: Options
  readonly pipelines: Readonly<Record<string, Pipeline>>
}

interface Pipeline extends Options {
  readonly source: Options
  readonly sink: Options
  readonly errors?: Options
}

/**
 * The user's config with other ends: topics, files and tables of the run's own, a name and a state of its own. All
 * else stays, `${…}` included. Pipelines that are not named are left out.
 */
export function torturedConfig(text: string, torture: TorturedConfig): string {
  const { embedded: _demo, ...file } = parse(text, { merge: true }) as File
  const pipelines = torture.pipelines.map(({ name, source, sink, deadLetters }) => {
    const pipeline = file.pipelines[name]
    if (pipeline === undefined) throw new Error(`there is no pipeline ${name}`)
    const ends = { source: over(pipeline.source, source), sink: over(pipeline.sink, sink) }
    return [name, { ...pipeline, ...ends, ...errorsOf(pipeline, deadLetters) }] as const
  })
  const { username: _user, password: _password, tls: _tls, ...settings } = file.state ?? {}
  const isServer = !torture.stateUrl.startsWith('file:')
  const state = { ...(isServer ? settings : {}), url: torture.stateUrl }
  return stringify({ ...file, name: torture.name, state, pipelines: Object.fromEntries(pipelines) })
}

function over(options: Options, changes: Options): Options {
  return Object.fromEntries(Object.entries({ ...options, ...changes }).filter(([, value]) => value !== undefined))
}

function errorsOf({ errors }: Pipeline, deadLetters: Options): { readonly errors?: Options } {
  if (errors?.['deadLetterQueue'] === undefined) return {}
  return { errors: { ...errors, deadLetterQueue: deadLetters } }
}
