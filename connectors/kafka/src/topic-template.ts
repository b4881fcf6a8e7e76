import { type RecordBatch, RecordError, parseTemplate, partText, templateProblem } from '@connect-run/core'

/** The topic of each record: a name, or made from the record. */
export interface TopicTemplate {
  /** The name where it is always the same. */
  readonly fixed: string | undefined
  /** Throws a RecordError where the record does not make a legal name. */
  render(batch: RecordBatch, row: number): string
}

const placeholder = /\$\{[^}]*\}/g
const legalName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/** What is wrong with the template, in words; undefined if nothing. */
export function topicProblem(template: string): string | undefined {
  const problem = templateProblem(template, ['topic', 'key', 'value', 'header', 'time'])
  if (problem !== undefined) return problem
  const text = template.replaceAll(placeholder, '')
  return text === '' || legalName.test(text.replace(/^\.{1,2}$/, 'x'))
    ? undefined
    : `\`${text}\` has characters that no topic name has`
}

export function compileTopic(template: string): TopicTemplate {
  const parts = parseTemplate(template)
  const [only] = parts
  if (parts.length === 1 && only?.kind === 'text') return { fixed: only.text, render: () => only.text }
  return {
    fixed: undefined,
    render: (batch, row) => {
      let name = ''
      const record = batch.at(row)
      for (const part of parts) name += partText(part, record, 'topic')
      if (legalName.test(name)) return name
      throw new RecordError('RECORD_INVALID', `the record makes \`${name.slice(0, 80)}\`, which is no topic name`, {
        hint: 'A topic name has letters, digits, `.`, `_` and `-`, 249 at most.',
      })
    },
  }
}
