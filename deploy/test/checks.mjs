// What needs no image: the linters and schemas of deploy/ and .github/.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../packages/testkit/setup/steps.mjs'
import { outcome, run } from './command.mjs'

const { parse } = createRequire(join(root, 'packages/core/package.json'))('yaml')

/** Name and body of each. */
export function fileChecks({ hadolint, schema, actionlint }) {
  const workflows = readdirSync(join(root, '.github', 'workflows')).map((name) => `.github/workflows/${name}`)
  const here = (...command) => run(command.flat(), { cwd: root })
  const bySchema = (name, ...files) => here(schema, '--builtin-schema', `vendor.${name}`, files)
  const compose = ['docker-compose', '--file', 'deploy/compose.yaml']
  return {
    'Dockerfile: hadolint': () => here(hadolint, 'deploy/Dockerfile'),
    'compose.yaml: schema of the Compose specification': () => bySchema('compose-spec', 'deploy/compose.yaml'),
    'compose.yaml: docker-compose config': () => here(compose, 'config', '--quiet'),
    'workflows: actionlint': () => here(actionlint, workflows),
    'workflows: schema': () => bySchema('github-workflows', workflows),
    'composite action: schema': () => bySchema('github-actions', 'deploy/ci/action.yml'),
    'composite action: its commands annotate an error, and pass over what is right': async () => {
      const { runs } = parse(await readFile(join(root, 'deploy/ci/action.yml'), 'utf8'))
      const scripts = runs.steps.map(({ run: script }) => script).filter(Boolean)
      const folder = await mkdtemp(join(tmpdir(), 'connect-run-action-'))
      const act = async (configs) => {
        const env = {
          GITHUB_ACTION_PATH: join(root, 'deploy/ci'),
          GITHUB_OUTPUT: join(folder, 'output'),
          CONFIGS: configs,
        }
        let last
        for (const script of scripts)
          last = await outcome(['bash', '-eo', 'pipefail', '-c', script], { cwd: folder, env })
        return last
      }
      try {
        await writeFile(
          join(folder, 'wrong.yaml'),
          'name: wrong\npipelines: { a: { source: { connector: nosuch } } }\n',
        )
        await cp(join(root, 'configs/oceanic.yaml'), join(folder, 'right.yaml'))
        const right = await act('right.yaml\n')
        assert.deepEqual([right.code, right.stdout], [0, ''], right.stderr)
        const wrong = await act('right.yaml\nwrong.yaml\n')
        assert.equal(wrong.code, 2)
        assert.match(wrong.stdout, /^::error file=wrong\.yaml,line=2,col=\d+/m)
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  }
}
