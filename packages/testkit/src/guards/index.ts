export { type Guard, tierOf, titlePattern, without } from './guard.ts'
export { GUARDS } from './table.ts'
