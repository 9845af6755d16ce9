// Who the client is: an access token at first, the newest resume token from then on.

import { type Ending, refusesResumeToken } from "./ending.js";

/** An access token, or where to get one. */
export type TokenSource = string | (() => string | Promise<string>);

export class Credential {
  readonly #source: TokenSource;
  #resumeToken: string | undefined;
  #first: string | undefined;
  #fellBack = false;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** The newest that the server gave. */
  get resumeToken(): string | undefined {
    return this.#resumeToken;
  }

  /** The user who comes, as the first access token says. */
  async userId(): Promise<string> {
    this.#first = await this.#access();
    return userOf(this.#first);
  }

  /** What to offer as a subprotocol: tokens stay out of URLs, and so out of logs. */
  async protocol(): Promise<string> {
    if (this.#resumeToken !== undefined) return `resume.${this.#resumeToken}`;
    const first = this.#first;
    this.#first = undefined;
    return `bearer.${first ?? (await this.#access())}`;
  }

  /** Takes the token that the server gave, which voids the one before. */
  replace(resumeToken: string | undefined): void {
    this.#resumeToken = resumeToken;
  }

  /**
   * Whether an access token may still open what a resume token did not. Once: whoever is refused with both has to be told,
   * not to try in circles.
   */
  fallsBack(ending: Ending): boolean {
    if (this.#resumeToken === undefined || this.#fellBack || !refusesResumeToken(ending)) return false;
    this.#resumeToken = undefined;
    this.#first = undefined;
    this.#fellBack = true;
    return true;
  }

  /** A connection has held: the next refusal is a new matter. */
  held(): void {
    this.#fellBack = false;
  }

  async #access(): Promise<string> {
    return typeof this.#source === "string" ? this.#source : this.#source();
  }
}

/** The user an access token names, unverified; empty where it cannot be read. */
function userOf(accessToken: string): string {
  try {
    const body = accessToken.split(".")[1] ?? "";
    const claims = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    return String(claims.sub ?? claims.userId ?? "");
  } catch {
    return "";
  }
}
