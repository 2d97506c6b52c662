/** Talks to the service's REST API; every refusal becomes one sentence. */

const SESSION = "api/session";

/** A refusal of the service, with the sentence to show. */
export class Refused extends Error {
  constructor(status, sentence, retryAfterS) {
    super(sentence);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Set by the page: asks the person to sign in and resolves when the service accepted it. */
export const askFor = { signIn: async () => {} };

async function refusal(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    /* not JSON: the status has to do */
  }
  const retry = Number(response.headers.get("Retry-After")) || null;
  const sentence = problem.detail || problem.title || `The service answered ${response.status}.`;
  return new Refused(response.status, sentence, retry);
}

/** Fetch a path of the service; where it wants to know who asks, the person signs in once. */
export async function call(method, path, body, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    const response = await reach(method, path, body, options);
    if (response.status === 401 && attempt === 0 && path !== SESSION) {
      await askFor.signIn();
      continue;
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

async function reach(method, path, body, options) {
  try {
    return await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      ...options,
    });
  } catch {
    throw new Refused(0, "The service cannot be reached. Is it still running?");
  }
}

/** Trade {token} or {name, password} for a cookie that scripts cannot read. */
export const signIn = (given) => call("POST", SESSION, given);

export const get = async (path) => (await call("GET", path)).json();
export const post = async (path, body) => (await call("POST", path, body ?? {})).json();
export const remove = (path, options) => call("DELETE", path, undefined, options);

/** Address of a WebSocket of this service. */
export function socketUrl(path, query) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url;
}
