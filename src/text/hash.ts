// The identity of a text; must not be used for secrets.

/**
 * SHA-256 of the text's UTF-8 bytes, 64 hex digits; '' where the page has no Web Crypto (plain http
 * on another host).
 */
export async function sha256OfText(text: string): Promise<string> {
  if (typeof crypto === 'undefined' || !crypto.subtle) return '';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
