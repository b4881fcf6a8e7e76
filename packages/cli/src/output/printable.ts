/**
 * Text of records for a terminal: control characters are written out, so that a record can't move the cursor, colour
 * or rewrite what stands on the screen. Line ends and tabs are too: one line stays one line.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- it is control characters that are looked for
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, (character) => {
    return escapes[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`
  })
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
