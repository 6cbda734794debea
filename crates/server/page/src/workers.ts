/** Starting workers: the one place of the page that may turn an address into a script. */

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): { createScriptURL(address: string): string };
}

/** Only files of this page; anything else is refused, whoever asks. */
function own(address: string): string {
  const url = new URL(address, document.baseURI);
  const folder = new URL("./", document.baseURI);
  if (url.origin !== folder.origin || !url.pathname.startsWith(folder.pathname)) throw new TypeError(`${address} is no file of this page`);
  return url.href;
}

const rules = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy("hefu", { createScriptURL: own });

/** A worker from a file of this page. */
export function worker(address: string): Worker {
  return new Worker(rules ? rules.createScriptURL(address) : own(address), { type: "module" });
}
