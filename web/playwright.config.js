// How the browser tests run: the system's Chromium, against the server that `scripts/with-server` has started.

import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // One server, whose flags and log level the tests change.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1320, height: 900 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? PLACES.find(existsSync),
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
      ],
    },
  },
});
