import type { Guard } from '../guard.ts'

export const secrets: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/config/resolve-end.ts',
    code: 'const shown = context.isText(at) ? \'this\' : `"${name}"`\n    if (plugin',
    instead: 'const shown = `"${name}"`\n    if (plugin',
    test: 'packages/core/test/config/secrets.test.ts',
    title: 'is never printed as the name of a connector',
  },
  {
    file: 'packages/core/src/config/redact.ts',
    code: 'looksSecret(key) || secretPaths',
    instead: 'secretPaths',
    test: 'packages/core/test/config/secrets.test.ts',
    title: 'of an unknown connector is masked',
  },
  {
    file: 'packages/http/src/http-options.ts',
    code: "if (username !== '' || password !== '') return 'credentials in an address end up in logs'",
    instead: '',
    test: 'packages/http/test/http-client.test.ts',
    title: 'an address with credentials is refused without showing them',
  },
]
