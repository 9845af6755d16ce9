// A real server of a test's own: free ports, an empty folder, killed and started again at will.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const REJOIN = resolve(process.env.REJOIN ?? "../../target/debug/rejoin");
const SECRET = "only-for-the-tests-of-the-javascript-client";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export class Service {
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "rejoin-js-"));
  readonly #environment: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  private constructor(port: number, adminPort: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#environment = {
      PATH: process.env.PATH,
      APP_ENV: "development",
      BIND: "127.0.0.1",
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DATABASE_URL: `sqlite://${this.#folder}/rejoin.db`,
      API_TOKEN: SECRET,
      ACCESS_TOKEN_SECRET: SECRET,
      SESSION_TOKEN_SECRET: SECRET,
      LOG_LEVEL: "warn",
    };
  }

  static async start(): Promise<Service> {
    if (!existsSync(REJOIN)) throw new Error(`no ${REJOIN}: run \`cargo build\`, or name the program in REJOIN`);
    const service = new Service(await freePort(), await freePort());
    await service.run();
    return service;
  }

  /** Starts the server; returns once it answers. */
  async run(): Promise<void> {
    this.#process = spawn(REJOIN, ["serve"], { env: this.#environment, cwd: this.#folder, stdio: ["ignore", "ignore", "inherit"] });
    const deadline = Date.now() + 20_000;
    while (!(await fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false))) {
      if (Date.now() > deadline) throw new Error("the server did not start");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the server as a crash does, or as an operator does. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const ended = once(this.#process!, "exit");
    this.#process!.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.end("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  token(userId: string, gameId: string): string {
    const from = ["token", "--user", userId, "--game", gameId];
    return execFileSync(REJOIN, from, { env: this.#environment, cwd: this.#folder, encoding: "utf8" }).trim();
  }

  /** Calls the HTTP API as a game's backend does. */
  async call(method: string, path: string, body?: object): Promise<any> {
    const headers = { "X-API-Token": SECRET };
    const answer = await fetch(this.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }
}
