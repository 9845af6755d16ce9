// How a connection ended, and what a client should do about it (the protocol's table of close codes).

/** A close code and its reason. What ended without a close frame reads as 1006, as browsers have it. */
export interface Ending {
  code: number;
  reason: string;
}

/** Never reconnect without being told to, or reconnect after a pause. */
export type Advice = "stop" | "reconnect";

export function advice({ code }: Ending): Advice {
  return [1000, 1003, 1008, 1009, 4001].includes(code) ? "stop" : "reconnect";
}

/** Whether the resume token was refused, and not the user. An access token may still open the seat. */
export function refusesResumeToken({ code, reason }: Ending): boolean {
  return code === 1008 && (reason === "Session expired" || reason === "Invalid resume token");
}

export function lost(reason: string): Ending {
  return { code: 1006, reason };
}
