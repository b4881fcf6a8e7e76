import { type TemplatePart, parseTemplate, templateText, valueAt } from '@connect-run/core'

/** A table name, fixed or made for each point. */
export interface TableTemplate {
  /** The name where it is always the same. */
  readonly fixed: string | undefined
  readonly namesTopic: boolean
  /** Whether it is made of parts of the point. */
  readonly namesValue: boolean
  render(topic: string, point: unknown): string
}

export const tableSubjects = ['topic', 'value'] as const

export function compileTable(template: string): TableTemplate {
  const parts = parseTemplate(template)
  const [only] = parts
  return {
    fixed: parts.length === 1 && only?.kind === 'text' ? only.text : undefined,
    namesTopic: parts.some((part) => part.kind === 'topic'),
    namesValue: parts.some((part) => part.kind === 'value'),
    render: (topic, point) => {
      let name = ''
      for (const part of parts) name += textOf(part, topic, point)
      return name
    },
  }
}

function textOf(part: TemplatePart, topic: string, point: unknown): string {
  if (part.kind === 'text') return part.text
  if (part.kind === 'value') return templateText(valueAt(point, part.path), 'table', part.source)
  return topic
}
