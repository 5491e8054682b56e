import { configure, onDelivery, record } from "forebay";
import { useRecord as recordOf } from "forebay/react";

configure(JSON.parse(new URLSearchParams(location.search).get("config")));
document.body.innerHTML = '<button type="button">Record</button><output></output>';
onDelivery(({ state }) => {
  document.querySelector("output").textContent = state;
});
// One client, whichever entry it came from; and what gives `record` needs no React to run in.
if (recordOf() !== record) throw new Error("two clients");
document.querySelector("button").onclick = () => recordOf()({ name: "Clicked" });
