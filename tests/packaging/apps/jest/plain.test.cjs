// Without forebay/testing: it can be imported, and harms nothing.

const { render } = require("@testing-library/react");
const { record, stats, validate } = require("forebay");
const { createElement } = require("react");

const { App } = require("./sign-up.cjs");

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
