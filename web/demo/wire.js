// A WebSocket that tells what goes over it, both ways.

/** The frames that are seen on each connection: `told` gets `{way: "dial" | "in" | "out", frame, bytes, at}`. */
export function tapped(told) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      told({ way: "dial", at: performance.now() });
      this.addEventListener("message", ({ data }) => {
        // The client stops listening to a connection that it has cut. What still comes on it is nobody's.
        if (this.onmessage) told({ way: "in", frame: JSON.parse(data), bytes: data.length, at: performance.now() });
      });
    }

    send(text) {
      told({ way: "out", frame: JSON.parse(text), bytes: text.length, at: performance.now() });
      super.send(text);
    }
  };
}
