// Calls this node's `/admin`, with the token that was shown.

const PATIENCE_MS = 5_000;
const KEPT = "rejoin.console.token";

/** A call that was answered with a problem, or not at all (status 0). */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class Api {
  #token;

  constructor(token) {
    this.#token = token;
  }

  /** The token that this tab was shown before. */
  static kept() {
    const token = sessionStorage.getItem(KEPT);
    return token === null ? null : new Api(token);
  }

  keep() {
    sessionStorage.setItem(KEPT, this.#token);
  }

  static forget() {
    sessionStorage.removeItem(KEPT);
  }

  get(path) {
    return this.call("GET", path);
  }

  async text(path) {
    return (await this.#fetch("GET", path)).text();
  }

  async call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    return response.status === 204 ? null : response.json();
  }

  async #fetch(method, path, body) {
    const headers = { "X-API-Token": this.#token };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const asked = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) };
    let response;
    try {
      response = await fetch(path, asked);
    } catch (error) {
      throw new Refused(0, error.name === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} s` : "the node does not answer");
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, problem.detail ?? response.statusText);
  }
}
