// The peer: Socket.IO on Redis streams with connection state recovery, as its documentation sets it up, and tuned for
// throughput: WebSocket alone, no compression, one namespace. Ends when whoever started it closes its standard input.
import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, REDIS_URL, STREAM_MAX_LENGTH } = process.env;

const redis = createClient({ url: REDIS_URL });
redis.on("error", (error) => console.error("redis:", error.message));
await redis.connect();

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true },
  // All rooms share one stream. With its default of 10,000 entries a storm would find nothing of what it missed.
  adapter: createAdapter(redis, { maxLen: Number(STREAM_MAX_LENGTH), onlyPlaintext: true }),
});
// Frees the memory of the request that each connection came with.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.on("connection", (socket) => {
  const { game } = socket.handshake.auth;
  if (!socket.recovered) socket.join(game);
  socket.on("move", (move) => io.to(game).emit("move", move));
});

process.stdin.on("end", () => process.exit()).resume();
http.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 });
