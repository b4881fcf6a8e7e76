const MAX_LENGTH = 300

/** The beginning of a response body as one printable line, for messages. */
export function excerpt(body: Buffer): string {
  const text = body
    .toString('utf8', 0, 4 * MAX_LENGTH)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
}
