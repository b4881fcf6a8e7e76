/** The command line, for those who start it themselves. */
export { runMain } from './main.ts'
