// Without forebay/testing: it can be imported, and harms nothing.

import { render } from "@testing-library/react";
import { record, stats, validate } from "forebay";
import { createElement } from "react";
import { expect, test } from "vitest";
import { App } from "./sign-up.js";

test("the package itself runs as far as it can, and throws nothing", async () => {
  render(createElement(App));
  const { id, state } = record({ name: "Recorded" });
  expect([id.length, state]).toEqual([36, "recorded"]);
  expect(stats().recorded).toBeGreaterThan(0);
  // It ends, one way or the other.
  const code = await validate({ name: "Recorded" }).then(
    () => "loaded",
    (error) => error.name,
  );
  expect(["loaded", "ForebayError"]).toContain(code);
});
