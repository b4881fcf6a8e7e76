import type { ConfigIssue } from '@connect-run/core'
import type { FieldOptions, FieldSpec, GeneratorConfig } from './source-config.ts'

const own: Readonly<Record<FieldSpec['type'], readonly (keyof FieldOptions)[]>> = {
  number: ['min', 'max', 'decimals'],
  integer: ['min', 'max'],
  choice: ['values', 'weights'],
  sequence: ['start', 'step'],
  time: ['format'],
  string: ['length'],
  constant: ['value'],
}

/** The field with its defaults; checked before by {@link checkConfig}. */
export function fieldSpec(options: FieldOptions): FieldSpec {
  const { type, values = [], weights } = options
  const makers: Readonly<Record<FieldSpec['type'], () => FieldSpec>> = {
    number: () => ({ type: 'number', min: 0, max: 1, decimals: 2, ...given(options, own.number) }),
    integer: () => ({ type: 'integer', min: 0, max: 100, ...given(options, own.integer) }),
    choice: () => (weights === undefined ? { type: 'choice', values } : { type: 'choice', values, weights }),
    sequence: () => ({ type: 'sequence', start: 0, step: 1, ...given(options, own.sequence) }),
    time: () => ({ type: 'time', format: options.format ?? 'iso' }),
    string: () => ({ type: 'string', length: options.length ?? 8 }),
    constant: () => ({ type: 'constant', value: options.value }),
  }
  return makers[type]()
}

function given(options: FieldOptions, names: readonly (keyof FieldOptions)[]): object {
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
}

/** What the schema can't say. */
export function checkConfig({ fields, keyField }: GeneratorConfig): ConfigIssue[] {
  const issues = Object.entries(fields).flatMap(([name, options]) => fieldIssues(options, ['fields', name]))
  if (keyField !== undefined && !Object.hasOwn(fields, keyField)) {
    issues.push({
      path: ['keyField'],
      message: `there is no field ${JSON.stringify(keyField)}`,
      hint: 'name one of `fields`',
    })
  }
  return issues
}

function fieldIssues(options: FieldOptions, at: ConfigIssue['path']): ConfigIssue[] {
  const allowed = own[options.type]
  const strange = (Object.keys(options) as (keyof FieldOptions)[]).filter(
    (name) => name !== 'type' && options[name] !== undefined && !allowed.includes(name),
  )
  const issues: ConfigIssue[] = strange.map((name) => ({
    path: [...at, name],
    message: `a field of type ${options.type} has no \`${name}\``,
    hint: `it takes ${allowed.map((one) => `\`${one}\``).join(', ')}`,
  }))
  const problem = valueProblem(options)
  if (problem !== undefined) issues.push({ ...problem, path: [...at, ...problem.path] })
  return issues
}

function valueProblem(options: FieldOptions): ConfigIssue | undefined {
  if (options.type === 'constant' && options.value === undefined) {
    return { path: [], message: '`value` is missing', hint: 'write `value:` with what the field always is' }
  }
  if (options.type === 'choice') return choiceProblem(options)
  const spec = fieldSpec(options)
  if (spec.type === 'integer' && !(Number.isSafeInteger(spec.min) && Number.isSafeInteger(spec.max))) {
    return { path: ['min'], message: '`min` and `max` of an integer field are whole numbers below 2^53' }
  }
  if ((spec.type === 'integer' || spec.type === 'number') && spec.min > spec.max) {
    return { path: ['min'], message: `\`min\` (${spec.min}) is greater than \`max\` (${spec.max})` }
  }
  return undefined
}

function choiceProblem({ values, weights }: FieldOptions): ConfigIssue | undefined {
  if (values === undefined) return { path: [], message: '`values` is missing', hint: 'list what to choose from' }
  if (weights === undefined) return undefined
  if (weights.length !== values.length) {
    return { path: ['weights'], message: `${weights.length} weights for ${values.length} values` }
  }
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return sum > 0 ? undefined : { path: ['weights'], message: 'all weights are 0: nothing can be chosen' }
}
