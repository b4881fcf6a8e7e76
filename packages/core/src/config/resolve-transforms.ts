import type { Path } from './issue.ts'
import type { TransformStep } from './pipeline-config.ts'
import { attempt, checked, type ResolveContext } from './resolve-context.ts'
import { didYouMean, listOf } from './suggest.ts'
import { isObject } from './validate.ts'

/** Steps of the form `- name: {options}`. Wrong forms that are no mapping are named by the file's schema. */
export function resolveTransforms(context: ResolveContext, steps: unknown, path: Path): TransformStep[] {
  if (!Array.isArray(steps)) return []
  return steps
    .map((step: unknown, index) => (isObject(step) ? resolveStep(context, step, [...path, index]) : undefined))
    .filter((step) => step !== undefined)
}

function resolveStep(
  context: ResolveContext,
  step: Readonly<Record<string, unknown>>,
  path: Path,
): TransformStep | undefined {
  const [name, ...others] = Object.keys(step)
  const names = context.transforms.map((transform) => transform.name)
  if (name === undefined || others.length > 0) {
    const hint = `Write \`- name: {options}\`, one item for each; there are ${listOf(names)}.`
    context.issues.push({ path, message: 'a step is one transform and its options', hint })
    return undefined
  }
  const at = [...path, name]
  const transform = context.transforms.find((candidate) => candidate.name === name)
  if (transform === undefined) {
    const hint = didYouMean(name, names, `There are ${listOf(names)}.`)
    context.issues.push({ path: at, message: `no transform is named "${name}"`, hint, at: 'key' })
    return undefined
  }
  const config = checked(context, transform.config, step[name] ?? {}, at)
  if (config === undefined || context.hasHole(at)) return undefined
  const run = attempt(context, at, () => transform.create(config))
  return run === undefined ? undefined : { name, effects: transform.effects, run }
}
