/** What the command ends with. */
export const exitCodes = {
  ok: 0,
  /** A pipeline failed, was cut short, or was stopped before it could do its work. */
  runtime: 1,
  /** The config or the command line is wrong; nothing was started. */
  config: 2,
  /** The machine lacks something: a feature of the build, the state's folder, the embedded services. */
  environment: 3,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
