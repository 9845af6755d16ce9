// Pictures of the page at play for the documentation, written when asked for: `npm run screenshots`.

import { addresses, expect, test } from "./fixture.js";

const FOLDER = new URL("../../docs/screenshots/", import.meta.url).pathname;
const SIZES = { wide: { viewport: { width: 1320, height: 866 } }, phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 } };

test("the page at play in four ways @screenshots", async ({ device }) => {
  test.setTimeout(300_000);
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, options] of Object.entries(SIZES)) {
      const page = await device(`${addresses.url}/`, { colorScheme, reducedMotion: "reduce", ...options });
      const [ann, bob] = ["white", "black"].map((seat) => page.locator(`.place[data-seat=${seat}]`));
      await page.getByLabel("Which famous game").selectOption("2");
      await page.getByRole("button", { name: "Play a famous game" }).click();
      // She misses his answer,
      await expect(ann).toHaveAttribute("data-moves", "17", { timeout: 60_000 });
      await ann.getByRole("button", { name: "Go offline 10 s" }).click();
      await expect(bob).toHaveAttribute("data-moves", "18");
      await page.waitForTimeout(2_000);
      await ann.getByRole("button", { name: "Come back" }).click();
      // and he makes his next move when he is away himself.
      await expect(bob).toHaveAttribute("data-moves", "19", { timeout: 60_000 });
      await bob.getByRole("button", { name: "Go offline 10 s" }).click();
      await expect(bob.locator("[data-part=outbox] li")).toHaveCount(1);
      if (size === "phone") await ann.scrollIntoViewIfNeeded();
      if (size === "phone") await page.evaluate(() => scrollTo(0, document.querySelector(".place").getBoundingClientRect().top + scrollY - 56));
      else await page.mouse.move(0, 0);
      await page.screenshot({ path: `${FOLDER}play-${size}-${colorScheme}.png` });
    }
  }
});
