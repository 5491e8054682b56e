const { cleanup, fireEvent, render, screen } = require("@testing-library/react");
const { configure, disable, record, stats } = require("forebay");
const { recorded, reset } = require("forebay/testing");
const { createElement } = require("react");

const { App, SignUp } = require("./sign-up.cjs");

beforeEach(reset);
afterEach(cleanup);

const view = { name: "pageView", attributes: { url: `${location.origin}/sign-up` } };
const clicked = [
  { name: "SignUp", attributes: { plan: "pro" } },
  { name: "Counted", metrics: { seats: 3 } },
];

for (const [name, Component] of Object.entries({ App, SignUp })) {
  test(`${name} records, with or without a provider around it`, () => {
    // React says there what is rendered after `act()`.
    const error = jest.spyOn(console, "error");
    render(createElement(Component));
    fireEvent.click(screen.getByRole("button"));
    expect(recorded()).toStrictEqual([view, ...clicked]);
    expect(screen.getByText("delivered")).toBeTruthy();
    expect(error).not.toHaveBeenCalled();
  });
}

test("what is awaited ends, also where a test's timers stand still", async () => {
  jest.useFakeTimers();
  expect((await record({ name: "Awaited" }).settled).state).toBe("delivered");
  jest.useRealTimers();
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
