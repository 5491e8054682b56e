import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { configure, disable, record, stats } from "forebay";
import { recorded, reset } from "forebay/testing";
import { createElement } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App, SignUp } from "./sign-up.js";

beforeEach(reset);
afterEach(cleanup);

const view = { name: "pageView", attributes: { url: `${location.origin}/sign-up` } };
const clicked = [
  { name: "SignUp", attributes: { plan: "pro" } },
  { name: "Counted", metrics: { seats: 3 } },
];

for (const [name, Component] of Object.entries({ App, SignUp })) {
  test(`${name} records, with or without a provider around it`, () => {
    render(createElement(Component));
    fireEvent.click(screen.getByRole("button"));
    expect(recorded()).toStrictEqual([view, ...clicked]);
    expect(screen.getByText("delivered")).toBeTruthy();
  });
}

test("what is awaited ends, also where a test's timers stand still", async () => {
  vi.useFakeTimers({ toFake: ["queueMicrotask", "setTimeout", "performance"] });
  expect((await record({ name: "Awaited" }).settled).state).toBe("delivered");
  vi.useRealTimers();
});

test("reset begins anew, whatever was configured or disabled", async () => {
  configure({ endpoint: "https://one.invalid" });
  disable();
  record({ name: "Unheard" });
  expect(recorded()).toEqual([]);
  expect(stats().droppedBy).toEqual({ disabled: 1 });
  reset();
  configure({ endpoint: "https://another.invalid" });
  const { settled } = record({ name: "Heard" });
  expect(recorded()).toEqual([{ name: "Heard" }]);
  expect((await settled).state).toBe("delivered");
  expect(stats().recorded).toBe(1);
});
