import { configure, onDelivery, record } from "forebay";

configure(JSON.parse(new URLSearchParams(location.search).get("config")));
document.body.innerHTML = '<button type="button">Record</button><output></output>';
onDelivery(({ state }) => {
  document.querySelector("output").textContent = state;
});
document.querySelector("button").onclick = () => record({ name: "Clicked" });
