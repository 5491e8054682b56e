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
