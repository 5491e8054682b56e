import assert from "node:assert/strict";
import { test } from "node:test";

const config = {
  endpoint: "https://events.example.com",
  appId: "app",
  region: "eu-west-1",
  identityPoolId: "eu-west-1:pool",
};

test("on a server the package can be imported and recording does nothing", async () => {
  assert.equal(typeof globalThis.window, "undefined");
  // As on servers that are no Node.
  Object.assign(globalThis, { FinalizationRegistry: undefined, WeakRef: undefined });
  const forebay = await import("forebay");
  const { ForebayProvider, useRecord } = await import("forebay/react");
  const { createElement } = await import("react");
  const { renderToString } = await import("react-dom/server");

  function Page() {
    const { id } = useRecord()({ name: "Rendered" });
    return createElement("p", null, id.length);
  }
  assert.equal(
    renderToString(createElement(ForebayProvider, { config }, createElement(Page))),
    "<p>36</p>",
  );
  await forebay.identifyUser({ userId: "user", userProfile: {} });
  forebay.flushEvents();
  forebay.disable();
  forebay.enable();
  forebay.configureAutoTrack({ enable: true, type: "pageView" });
  assert.equal(forebay.stats().recorded, 0);
  await assert.rejects(forebay.validate({ name: "Rendered" }), { code: "NotInBrowser" });
});

test("on a server mistakes are thrown as in a browser", async () => {
  const forebay = await import("forebay");
  assert.throws(() => forebay.configure({ ...config, endpoint: "" }), { code: "InvalidConfig" });
  assert.throws(() => forebay.record({ name: "" }), { code: "InvalidEvent" });
});
