/** The full path of a program, or undefined. */
export function findProgram(name: string, path?: string): string | undefined

/** The command a person would type to install the packages (given by Debian's names). */
export function installCommand(packages: readonly string[]): string

/**
 * Installs the packages (Debian's names) if it may: as root, with apt. Says so on standard error.
 * Resolves to undefined when installed, otherwise to the reason with the command that a person can run.
 */
export function ensureSystemPackages(
  packages: readonly string[],
  say?: (line: string) => void,
): Promise<string | undefined>

/** The first line that `program args` prints, or undefined if it does not run. */
export function firstLine(program: string, args: readonly string[]): string | undefined
