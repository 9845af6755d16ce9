// The documentation shows all that its documents say, without help from elsewhere.

import AxeBuilder from "@axe-core/playwright";
import { addresses, expect, test } from "./fixture.js";

for (const colorScheme of ["light", "dark"]) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test("the HTTP API is shown call by call", async ({ page }) => {
      const api = await (await fetch(`${addresses.url}/openapi.json`)).json();
      const calls = Object.values(api.paths).flatMap((item) => Object.keys(item).filter((key) => key !== "parameters"));

      await page.goto(`${addresses.url}/docs#inspectGame`);

      await expect(page.locator("details.call")).toHaveCount(calls.length);
      await expect(page.locator("#inspectGame")).toHaveAttribute("open", "");
      await expect(page.locator(".schema")).toHaveCount(Object.keys(api.components.schemas).length);
      // A part of each kind: all of it would take a minute.
      const parts = new AxeBuilder({ page }).include(".bar").include(".contents").include("#inspectGame").include("#schema-Inspection");
      const { violations } = await parts.analyze();
      expect(violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes[0].html}`)).toEqual([]);
    });
  });
}
