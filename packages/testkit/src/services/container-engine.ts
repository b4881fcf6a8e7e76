import { findProgram } from '../../setup/system-packages.mjs'
import { runCommand } from './run-command.ts'

let engine: Promise<string | undefined> | undefined

/**
 * docker or podman, if one answers. Linux only: elsewhere containers live in a virtual machine, where the host's
 * network, folders and signals are not theirs. CONNECT_RUN_TEST_CONTAINERS=off leaves them out.
 */
export function containerEngine(): Promise<string | undefined> {
  engine ??= find()
  return engine
}

async function find(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.env['CONNECT_RUN_TEST_CONTAINERS'] === 'off') return undefined
  for (const name of ['docker', 'podman']) {
    const program = findProgram(name)
    if (program && (await succeeds([program, 'info'], 15_000))) return program
  }
  return undefined
}

/** True when the image is here or could be fetched. */
export async function hasImage(program: string, image: string): Promise<boolean> {
  return (await succeeds([program, 'image', 'inspect', image])) || (await succeeds([program, 'pull', '-q', image]))
}

async function succeeds(command: readonly string[], timeoutMs = 600_000): Promise<boolean> {
  return runCommand(command, { timeoutMs }).then(
    () => true,
    () => false,
  )
}

export interface ContainerRun {
  readonly engine: string
  readonly image: string
  readonly program: string
  /** Seen by the container under the same path. */
  readonly folder: string
  readonly name?: string | undefined
}

/** The command that runs a program of an image on the host's network and as this user, with one of our folders. */
export function containerCommand(run: ContainerRun, args: readonly string[]): string[] {
  const user = `${process.getuid?.()}:${process.getgid?.()}`
  const name = run.name === undefined ? [] : ['--name', run.name]
  const options = ['--rm', '--network', 'host', '--user', user, '--volume', `${run.folder}:${run.folder}`, ...name]
  return [run.engine, 'run', ...options, '--entrypoint', run.program, run.image, ...args]
}
