/** Value of the `authorization` header for a user and a password. */
export function basicAuth(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** Value of the `authorization` header for a token. */
export function bearerAuth(token: string): string {
  return `Bearer ${token}`
}
