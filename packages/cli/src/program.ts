import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

import { didYouMean } from '@connect-run/core/runtime'
import { Command, CommanderError, Option } from 'commander'

import { connectors, type ConnectorsOptions } from './commands/connectors.ts'
import { addDlq } from './commands/dlq.ts'
import { explain } from './commands/explain.ts'
import { addExplain, addStatus } from './commands/inspect-commands.ts'
import { run, type RunOptions } from './commands/run.ts'
import { status } from './commands/status.ts'
import { torture } from './commands/torture.ts'
import { addTorture } from './commands/torture-command.ts'
import { validate, type ValidateOptions } from './commands/validate.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type Host, logFormats, logLevels } from './host.ts'
import { diagnosticFormats } from './output/diagnostics.ts'

const runExamples = `
Examples:
  connect-run configs/oceanic.yaml                    run until stopped (Ctrl-C finishes what is in flight)
  connect-run configs/oceanic.yaml --once             move what is there now, then end
  connect-run configs/oceanic.yaml --embedded         try it: Kafka and CnosDB stand-ins inside this process
  connect-run configs/*.yaml --log-format json        several workers in one process, logs for machines

Exit codes: 0 ok, 1 a pipeline failed or was cut short, 2 invalid config or command line, 3 the machine lacks something.`

const validateNotes = `
--probe asks for each end whether it is reached (within 10 s), lets us in, has what is named (topic, database, index,
file) and allows what the pipeline would do, and shows what answers. It makes, writes and joins nothing.

Exit codes: 0 all is well, 1 a probe found something, 2 invalid config (then nothing is probed) or command line.`

const rootExamples = `
Examples:
  connect-run configs/oceanic.yaml                    the same as: connect-run run configs/oceanic.yaml
  connect-run configs/oceanic.yaml --embedded         try it without any server
  connect-run validate configs                        check every file below a folder, start nothing
  connect-run validate configs/oceanic.yaml --probe   the same, and ask the servers that it names
  connect-run connectors kafka                        what the kafka connector can do, option by option
  connect-run explain configs/oceanic.yaml            what each pipeline guarantees, and why
  connect-run status configs/oceanic.yaml             what became of all records so far
  connect-run dlq list configs/oceanic.yaml           what was set aside, and why
  connect-run torture configs/oceanic.yaml --embedded kill it again and again, and count what arrives

Values of a config may come from the environment: \${VAR}, \${VAR:-default}, \${VAR:?message}, \${file:path}.
Exit codes: 0 ok, 1 a pipeline failed or was cut short, 2 invalid config or command line, 3 the machine lacks something.`

/** Runs the command line and resolves with the exit code. */
export async function runProgram(args: readonly string[], version: string, host: Host): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok
  const program = new Command('connect-run')
    .description('Runs pipelines declared in YAML: source -> transforms -> sink.')
    .version(version)
    .usage(['FILE… [options]', 'COMMAND [options]'].join('\n       connect-run '))
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
    })
    .exitOverride()
  const runCommand = addRun(program, async (files, options) => {
    const objection = misspeltCommand(files[0]!, program.commands, host)
    if (objection !== undefined) program.error(objection)
    code = await run(files, options, host)
  })
  addValidate(program, async (paths, options) => void (code = await validate(paths, options, host)))
  addConnectors(program, async (name, options) => void (code = await connectors(name, options, host)))
  addDlq(program, host, (ended) => void (code = ended))
  addStatus(program, async (files, options) => void (code = await status(files, options, host)))
  addExplain(program, async (files, options) => void (code = await explain(files, options, host)))
  addTorture(program, async (file, options) => void (code = await torture(file, options, host)))
  pointToHelp(program)
  program.addHelpText('after', `\nOptions of run:\n${optionsOf(runCommand)}\n${rootExamples}`)
  if (args.length === 0) {
    host.stderr.write(program.helpInformation())
    return exitCodes.config
  }
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.config
  }
  return code
}

/** What to say of a word that stands where a file was expected and is probably a command. */
function misspeltCommand(word: string, commands: readonly Command[], { cwd }: Host): string | undefined {
  if (!/^[a-z]+$/i.test(word) || existsSync(resolve(cwd, word))) return undefined
  const names = commands.map((command) => command.name())
  const hint = didYouMean(word, names, '')
  return hint === '' ? undefined : `There is no command and no file "${word}". ${hint}`
}

/** An error names the help of the command that it is about. */
function pointToHelp(command: Command, before = ''): void {
  // What is run without a command is described by the help of the whole.
  const path = command.name() === 'run' ? before : `${before}${command.name()} `
  command.showHelpAfterError(`(${path}--help shows how)`)
  for (const child of command.commands) pointToHelp(child, path)
}

/** As its own help lists them. */
function optionsOf(command: Command): string {
  const help = command.createHelp()
  const width = help.padWidth(command, help)
  return help
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help')
    .map((option) => help.formatItem(help.optionTerm(option), width, help.optionDescription(option), help))
    .join('\n')
}

interface ConnectorsFlags {
  readonly format: ConnectorsOptions['format']
  readonly all?: boolean
  readonly schema?: boolean
}

interface RunFlags {
  readonly only?: readonly string[]
  readonly once?: boolean
  readonly embedded?: boolean
  readonly logFormat?: RunOptions['logFormat']
  readonly logLevel?: RunOptions['logLevel']
}

function addRun(program: Command, action: (files: string[], options: RunOptions) => Promise<void>): Command {
  return program
    .command('run', { isDefault: true })
    .summary('run the pipelines of some files (what happens without a command)')
    .description('Checks the files, then runs their pipelines until they end or are stopped.')
    .usage('FILE… [options]')
    .argument('<file...>', 'config files')
    .option('--only <pipeline>', 'run this pipeline only; may be given several times', append)
    .option('--once', 'end when everything that is there now has been moved')
    .option('--embedded', 'bring up stand-ins for Kafka and CnosDB, and what `embedded:` names; implies --once')
    .addOption(
      new Option(
        '--log-format <format>',
        'default: pretty on a terminal and with --once or --embedded, else json',
      ).choices(logFormats),
    )
    .addOption(new Option('--log-level <level>', 'default: info; with --embedded warn').choices(logLevels))
    .addHelpText('after', runExamples)
    .action((files: string[], { only = [], once = false, embedded = false, logFormat, logLevel }: RunFlags) =>
      action(files, { only, once, embedded, logFormat, logLevel }),
    )
}

interface ValidateFlags {
  readonly format: ValidateOptions['format']
  readonly probe?: boolean
}

function addValidate(program: Command, action: (paths: string[], options: ValidateOptions) => Promise<void>): void {
  program
    .command('validate')
    .summary('check files without starting anything')
    .description('Checks files, and all YAML below folders, without any network. Shows every error at once.')
    .usage('FILE|FOLDER… [options]')
    .argument('<path...>', 'config files, or folders of them')
    .option('--probe', 'also ask the servers that the files name, if there is no error; changes nothing there')
    .addOption(new Option('--format <format>', 'github: annotations').choices(diagnosticFormats).default('text'))
    .addHelpText('after', validateNotes)
    .action((paths: string[], { format, probe = false }: ValidateFlags) => action(paths, { format, probe }))
}

function addConnectors(
  program: Command,
  action: (name: string | undefined, options: ConnectorsOptions) => Promise<void>,
): void {
  program
    .command('connectors')
    .summary('list the connectors at hand, or document one')
    .usage('[NAME] [options]')
    .argument('[name]', 'a connector: shows its options with types and defaults')
    .option('--all', 'also options that are rarely needed')
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addOption(new Option('--schema', 'print the JSON Schema of config files').hideHelp())
    .action((name: string | undefined, { format, all = false, schema = false }: ConnectorsFlags) =>
      action(name, { format, all, schema }),
    )
}

function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
