import type { Guard } from '../guard.ts'

export const configs: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/config/load-file.ts',
    code: '...values.issues.map((issue) => diagnose(from, issue, issue.span)),',
    instead: '',
    test: 'packages/core/test/config/load-file.test.ts',
    title: 'that are missing are all named, at their places, and nothing else is said of those values',
  },
  {
    file: 'packages/core/src/config/load-file.ts',
    code: '(issue) => !values.hasHole(issue.path) || isAbove(issue, source)',
    instead: '() => true',
    test: 'packages/core/test/config/load-file.test.ts',
    title: 'that are missing are all named, at their places, and nothing else is said of those values',
  },
  {
    file: 'packages/core/src/config/load-file.ts',
    code: 'return { diagnostics: inOrder(diagnostics) }',
    instead: 'return { diagnostics: diagnostics.slice(0, 1) }',
    test: 'packages/core/test/config/load-file.test.ts',
    title: 'is said all at once, in order, with place and hint',
  },
  {
    file: 'packages/core/src/config/load-file.ts',
    code: 'const source = parseYaml(text)',
    instead:
      'const source = parseYaml(text.replaceAll(/\\$\\{(\\w+)\\}/g, (_, name: string) => options.env[name] ?? ""))',
    test: 'packages/core/test/config/load-file.test.ts',
    title: 'never become structure, whatever they hold',
  },
]
