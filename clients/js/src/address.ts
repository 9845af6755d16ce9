// Where the game is: the service's URL with what a connection asks for.

import type { Position } from "./history.js";

const PATH = "/ws/game";

/** Reads what the application gave. Throws a TypeError where that is no URL. */
export function endpoint(url: string): URL {
  const endpoint = new URL(url, globalThis.location?.href);
  endpoint.protocol = endpoint.protocol.replace(/^http/, "ws");
  endpoint.hash = "";
  const path = endpoint.pathname.replace(/\/+$/, "");
  endpoint.pathname = path.endsWith(PATH) ? path : path + PATH;
  return endpoint;
}

/** The URL of one connection. */
export function address(endpoint: URL, gameId: string, role: string, position: Position | undefined): string {
  const url = new URL(endpoint);
  url.searchParams.set("gameId", gameId);
  if (role === "spectator") url.searchParams.set("role", role);
  if (position) {
    url.searchParams.set("after", String(position.sequence));
    url.searchParams.set("epoch", position.epoch);
  }
  return url.href;
}
