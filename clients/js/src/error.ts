// What can go wrong, under one name, and the codes of what ends a seat.

import type { Ending } from "./ending.js";

export interface ErrorFacts {
  /** How long the server asked to wait. */
  retryAfterMs?: number | undefined;
  /** The head, where an `expect` did not meet it. */
  headSequence?: number | undefined;
  /** The close code that ended the seat. */
  closeCode?: number | undefined;
  cause?: unknown;
}

/**
 * Why something was not done. `code` is one of the protocol's (section 8); of a seat that ended, the close reason in the
 * same spelling (`game_ended`, `session_taken_over`, `unauthorized`, …); or one of the client's own: `left`, `outbox_full`,
 * `other_epoch`, `invalid_ack`, `invalid_options`.
 */
export class RejoinError extends Error {
  override readonly name = "RejoinError";
  readonly code: string;
  readonly retryAfterMs?: number;
  readonly headSequence?: number;
  readonly closeCode?: number;

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs;
    if (facts.headSequence !== undefined) this.headSequence = facts.headSequence;
    if (facts.closeCode !== undefined) this.closeCode = facts.closeCode;
  }

  /** The error of a seat that the server has closed for good. */
  static ofEnding({ code, reason }: Ending): RejoinError {
    const name = reason.toLowerCase().replace(/[^a-z]+/g, "_") || `closed_${code}`;
    return new RejoinError(name, `the server closed with ${code} \`${reason}\``, { closeCode: code });
  }
}
