// Hashes a text, to recognise it again.

/**
 * SHA-256 of the UTF-8 bytes of a text as 64 hex digits; '' where the page has no Web Crypto (over
 * plain http from another host).
 */
export async function sha256OfText(text: string): Promise<string> {
  if (typeof crypto === 'undefined' || !crypto.subtle) return '';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
