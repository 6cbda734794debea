/** Which addresses of a model's text may become links. */

/** The address if it is an absolute one of a harmless kind; a model's text must not lead to scripts or into this server. */
export function harmless(address: string): string | undefined {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return undefined;
  }
  return ["https:", "http:", "mailto:"].includes(url.protocol) ? url.href : undefined;
}
