/** The two ways in which records move: name, and the option `packed`. */
export const paths: [path: string, packed: boolean][] = [
  ['packed', true],
  ['published', false],
]
