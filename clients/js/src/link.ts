// One WebSocket. Remembers nothing once it is gone, and is silent from then on.

import type { Ending } from "./ending.js";

/** What a WebSocket is here: the browser's, or that of `ws`. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number): void;
  /** `ws` has it: ends without goodbye. */
  terminate?(): void;
  onmessage: ((message: any) => void) | null;
  onclose: ((close: any) => void) | null;
  onerror: ((error: any) => void) | null;
}

export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** Where to, and what to offer. */
export interface Address {
  url: string;
  protocols: string[];
}

const OPEN = 1;

export class Link {
  readonly #socket: Socket;

  /** Dials. Throws where the address cannot be dialled at all. */
  constructor(Class: SocketClass, address: Address, heard: (text: string) => void, ended: (ending: Ending) => void) {
    const socket = new Class(address.url, address.protocols);
    socket.onmessage = ({ data }) => heard(data);
    socket.onclose = ({ code, reason }) => {
      this.#silence();
      ended({ code, reason });
    };
    // A close follows, and tells more.
    socket.onerror = () => {};
    this.#socket = socket;
  }

  /** What cannot be sent now is lost with the link. */
  send(text: string): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  /** Says goodbye. */
  close(): void {
    this.#silence();
    this.#socket.close(1000);
  }

  /** Drops the connection without goodbye, as far as the runtime lets us. */
  cut(): void {
    this.#silence();
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** Errors stay caught: `ws` throws where nobody takes them. */
  #silence(): void {
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
}
