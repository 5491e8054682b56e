// Every entry in Node: imported, configured, and asked to record.

const config = {
  endpoint: "https://events.example.com",
  appId: "app",
  region: "us-east-1",
  identityPoolId: "us-east-1:pool",
};
for (const name of ["forebay", "forebay/inline", "forebay/slim"]) {
  const { configure, record, stats } = await import(name);
  configure(config, new Uint8Array());
  const { id } = record({ name: "Recorded" });
  console.log(name, id.length, stats().recorded);
}
const react = await import("forebay/react");
console.log("forebay/react", Object.keys(react).join(" "));

// The client for servers, both ways, and the calls of Segment, which do nothing here.
const { createRequire } = await import("node:module");
const required = createRequire(import.meta.url)("forebay/node");
for (const { createClient } of [await import("forebay/node"), required]) {
  const client = createClient({ endpoint: "http://127.0.0.1:9", key: "key" });
  const receipt = await client.record({ name: "Recorded", attributes: { n: 1 } });
  console.log("forebay/node", receipt.state, (await receipt.settled).violations[0].path);
}
const { analytics } = await import("forebay/segment");
analytics.load(config);
console.log("forebay/segment", (await analytics.track("Order Completed")).id.length);
await analytics.page("Home");
await analytics.identify("u1", { plan: "pro" });
